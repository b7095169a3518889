#include "engine/local_files.h"

#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>

#include "engine/filter.h"
#include "engine/repo_path.h"
#include "io/directory.h"

namespace headrace {
namespace {

std::string base_name(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

void add_file(LocalFiles& found, std::string local, std::string in_repo, std::uint64_t size) {
  FileRecord file;
  file.path = std::move(in_repo);
  file.source = std::make_unique<FileSource>(std::move(local));
  file.size = size;
  found.files.push_back(std::move(file));
  found.bytes += size;
}

// Folders whose files the default patterns leave out, all of them: a repository's own may hold more
// files than the upload, and some that cannot be read.
bool may_hold_files(std::string_view folder) {
  const std::string path = "/" + std::string(folder);
  return !path.ends_with("/.git") && !path.ends_with("/.cache/huggingface");
}

Status add_folder(LocalFiles& found, const std::string& root, const UploadRequest& request,
                  const std::atomic<bool>& stop) {
  Result<std::string> folder = clean_repo_folder(request.path_in_repo);
  if (!folder) return fail(std::move(folder.error()));
  PathFilter filter = folder_filter(request.include, request.exclude);
  Result<DirectoryListing> listing = walk_directory(root, {.enter = may_hold_files, .stop = &stop});
  if (!listing) return fail(std::move(listing.error()).at("scan"));
  for (LeftOut& left : listing->left_out) found.left_out.emplace_back(left.path, left.why);
  for (FoundFile& file : listing->files) {
    if (!filter.keeps(file.path)) {
      ++found.filtered;
      continue;
    }
    Result<std::string> in_repo = join_repo_path(*folder, file.path);
    if (!in_repo)
      return fail(std::move(in_repo.error()).at("scan").on_path(root + "/" + file.path));
    add_file(found, root + "/" + file.path, std::move(*in_repo), file.size);
  }
  found.folder = true;
  return {};
}

Status add_path(LocalFiles& found, const std::string& local, const UploadRequest& request,
                const std::atomic<bool>& stop) {
  struct stat status{};
  if (stat(local.c_str(), &status) != 0) {
    Error error = system_error("no_such_path", "there is nothing to upload", errno);
    if (errno == ELOOP) error.code = "symlink_loop";
    return fail(std::move(error).at("scan").on_path(local).hinting("check the local path"));
  }
  if (S_ISDIR(status.st_mode)) {
    if (request.local_paths.size() == 1) return add_folder(found, local, request, stop);
    Error error = make_error(ErrorClass::fail, "not_a_file", "a folder goes up alone");
    return fail(std::move(error).at("scan").on_path(local).hinting(
        "upload each folder by a command of its own"));
  }
  if (!S_ISREG(status.st_mode)) {
    Error error = make_error(ErrorClass::fail, "not_a_file", "only regular files can be uploaded");
    return fail(std::move(error).at("scan").on_path(local));
  }
  bool alone = request.local_paths.size() == 1;
  Result<std::string> in_repo =
      alone && !request.path_in_repo.empty()
          ? clean_repo_path(request.path_in_repo)
          : join_repo_path(alone ? "" : request.path_in_repo, base_name(local));
  if (!in_repo) return fail(std::move(in_repo.error()).at("scan").on_path(local));
  add_file(found, local, std::move(*in_repo), static_cast<std::uint64_t>(status.st_size));
  return {};
}

}  // namespace

Result<LocalFiles> find_local_files(const UploadRequest& request, const std::atomic<bool>& stop) {
  LocalFiles found;
  for (const std::string& local : request.local_paths) {
    Status added = add_path(found, local, request, stop);
    if (!added) return fail(std::move(added.error()));
  }
  return found;
}

void tell_of_scan(const LocalFiles& found, Reporter& reporter, UploadTotals& totals) {
  reporter.counters.files_total = found.files.size();
  reporter.counters.bytes_total = found.bytes;
  totals.files = found.files.size();
  totals.bytes = found.bytes;
  for (const auto& [path, why] : found.left_out) {
    reporter.event(FileSkipped{path, SkipReason::not_a_file, why});
  }
  reporter.event(ScanFinished{found.files.size(), found.bytes, found.filtered});
}

}  // namespace headrace
