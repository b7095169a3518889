#include "engine/s3/local_objects.h"

#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>

#include "engine/filter.h"
#include "engine/utf8.h"
#include "io/directory.h"

namespace headrace {
namespace {

constexpr std::size_t key_size_max = 1024;

std::string base_name(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path.substr(path.rfind('/') + 1);
}

// What stands before a name below `prefix`.
std::string as_folder(std::string prefix) {
  if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
  return prefix;
}

Status add_file(LocalFiles& found, std::string local, std::string key, std::uint64_t size) {
  if (Status good = check_key(key); !good) return fail(std::move(good.error()).on_path(local));
  FileRecord file;
  file.path = std::move(key);
  file.source = std::make_unique<FileSource>(std::move(local));
  file.size = size;
  found.files.push_back(std::move(file));
  found.bytes += size;
  return {};
}

Status add_folder(LocalFiles& found, const std::string& root, const std::string& prefix,
                  const PathFilter& filter, const std::atomic<bool>& stop) {
  Result<DirectoryListing> listing = walk_directory(root, {.enter = {}, .stop = &stop});
  if (!listing) return fail(std::move(listing.error()).at("scan"));
  for (LeftOut& left : listing->left_out) found.left_out.emplace_back(left.path, left.why);
  for (FoundFile& file : listing->files) {
    if (!filter.keeps(file.path)) {
      ++found.filtered;
      continue;
    }
    Status added = add_file(found, root + "/" + file.path, prefix + file.path, file.size);
    if (!added) return added;
  }
  found.folder = true;
  return {};
}

Status add_source(LocalFiles& found, const std::string& local, const CopyRequest& request,
                  const PathFilter& filter, const std::atomic<bool>& stop) {
  struct stat status{};
  if (::stat(local.c_str(), &status) != 0) {
    Error error = system_error("no_such_path", "there is nothing to copy", errno);
    if (errno == ELOOP) error.code = "symlink_loop";
    return fail(std::move(error).at("scan").on_path(local).hinting("check the local path"));
  }
  bool alone = request.sources.size() == 1;
  if (S_ISDIR(status.st_mode)) {
    std::string prefix = as_folder(request.prefix);
    if (!alone) prefix += base_name(local) + "/";
    return add_folder(found, local, prefix, filter, stop);
  }
  if (!S_ISREG(status.st_mode)) {
    Error error = make_error(ErrorClass::fail, "not_a_file", "only regular files can be copied");
    return fail(std::move(error).at("scan").on_path(local));
  }
  bool whole_key = alone && !request.prefix.empty() && !request.prefix.ends_with('/');
  std::string key = whole_key ? request.prefix : as_folder(request.prefix) + base_name(local);
  return add_file(found, local, std::move(key), static_cast<std::uint64_t>(status.st_size));
}

}  // namespace

Status check_key(std::string_view key) {
  std::string_view wrong = key.empty()                  ? "is empty"
                           : key.size() > key_size_max  ? "has more than 1024 bytes"
                           : !is_valid_utf8(key)        ? "is not valid UTF-8"
                           : key.find('\0') != key.npos ? "holds a zero byte"
                                                        : "";
  if (wrong.empty()) return {};
  return fail(make_error(ErrorClass::fail, "bad_key", fmt::format("the object's key {}", wrong))
                  .at("scan")
                  .hinting("rename the file, leave it out with --exclude, or choose another key"));
}

Result<LocalFiles> find_local_objects(const CopyRequest& request, const std::atomic<bool>& stop) {
  LocalFiles found;
  PathFilter filter(request.include, request.exclude);
  for (const std::string& local : request.sources) {
    Status added = add_source(found, local, request, filter, stop);
    if (!added) return fail(std::move(added.error()));
  }
  return found;
}

}  // namespace headrace
