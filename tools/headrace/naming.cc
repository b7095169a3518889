#include "tools/headrace/naming.h"

#include <algorithm>

#include <fmt/format.h>

namespace headrace {
namespace {

Error twice(std::string_view what) {
  return make_error(ErrorClass::fail, "bad_arguments",
                    fmt::format("the repo's id names the {} already", what))
      .at("arguments")
      .hinting(fmt::format("leave --{} out", what == "type" ? "repo-type" : what));
}

bool names_type(std::string_view text) {
  const bool known = text.starts_with("models/") || text.starts_with("datasets/") ||
                     text.starts_with("spaces/") || text.starts_with("kernels/");
  return known && std::count(text.begin(), text.end(), '/') == 2;
}

}  // namespace

Result<RepoUri> name_repo(const std::string& text, const std::optional<std::string>& type,
                          const std::optional<std::string>& revision) {
  if (is_repo_uri(text) || names_type(text)) {
    if (type) return fail(twice("type"));
    if (is_repo_uri(text) && revision) return fail(twice("revision"));
    Result<RepoUri> uri = parse_repo_uri(text);
    if (uri && !uri->revision) uri->revision = revision;
    return uri;
  }
  Result<RepoType> repo_type = parse_repo_type(type.value_or("model"));
  if (!repo_type) return fail(std::move(repo_type.error()));
  Result<RepoId> repo = parse_repo_id(*repo_type, text);
  if (!repo) return fail(std::move(repo.error()));
  return RepoUri{.repo = std::move(*repo), .revision = revision, .path = {}};
}

}  // namespace headrace
