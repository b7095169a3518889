#include "tests/sim/sim_wish.h"

#include <fmt/format.h>

namespace headrace {
namespace {

constexpr char deleted_folder[] = "old/";

}  // namespace

SimWish SimWish::draw(Prng& prng) {
  SimWish wish;
  if (prng.chance(0.2)) wish.into = "into/here/";
  if (prng.chance(0.15)) wish.create_pr = true;
  else if (prng.chance(0.15)) wish.revision = "dev/branch";
  if (!prng.chance(0.3)) return wish;
  wish.before["kept.txt"] = "kept\n";
  wish.before["elsewhere/old/kept.txt"] = "kept too\n";
  for (int i = 0; i < 3; ++i)
    wish.before[fmt::format("{}{}{}.txt", wish.into, deleted_folder, i)] = "old\n";
  wish.deletes = prng.chance(0.7);
  return wish;
}

void SimWish::put_into(UploadRequest& request) const {
  request.path_in_repo = into;
  request.revision = revision;
  request.create_pr = create_pr;
  if (deletes) request.delete_patterns = {fmt::format("{}*", deleted_folder)};
}

std::string SimWish::revision_of(const UploadResult& result) const {
  constexpr std::string_view marker = "/discussions/";
  std::size_t at = result.pull_request_url.rfind(marker);
  if (at != std::string::npos)
    return "refs/pr/" + result.pull_request_url.substr(at + marker.size());
  return revision.value_or("main");
}

std::vector<std::string> SimWish::judge(const SimTree& stored, const SimTree& folder) const {
  std::vector<std::string> problems;
  for (const auto& [path, bytes] : before) {
    if (path.starts_with(into) && folder.contains(path.substr(into.size()))) continue;
    auto found = stored.find(path);
    bool gone = deletes && path.starts_with(into + deleted_folder);
    if (gone && found != stored.end()) problems.push_back(path + " was not deleted");
    if (!gone && found == stored.end()) problems.push_back(path + " was deleted");
    if (!gone && found != stored.end() && found->second != bytes)
      problems.push_back(path + " was changed");
  }
  for (const auto& [path, bytes] : stored) {
    bool ours = path.starts_with(into) && folder.contains(path.substr(into.size()));
    if (!ours && !before.contains(path) && path != ".gitattributes")
      problems.push_back(path + " came from nowhere");
  }
  return problems;
}

}  // namespace headrace
