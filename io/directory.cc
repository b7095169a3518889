#include "io/directory.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace headrace {
namespace {

// Deeper than any path that the kernel takes in one call (PATH_MAX 4096 with one-letter names).
constexpr std::size_t depth_max = 2048;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

enum class EntryKind : std::uint8_t { file, folder, left_out };
struct Entry {
  std::string name;
  EntryKind kind = EntryKind::left_out;
  std::uint64_t size = 0;
  std::string_view why;
};

Error walk_error(std::string_view what, const std::string& path, int error) {
  Error failed = system_error("walk_failed", what, error).at("scan").on_path(path);
  // What has run out is no fault of the folder's.
  if (failed.kind == ErrorClass::limit) return failed;
  return std::move(failed).hinting("make it readable, or leave it out with --exclude");
}

std::string_view name_of_kind(mode_t mode) {
  if (S_ISSOCK(mode)) return "socket";
  if (S_ISFIFO(mode)) return "named pipe";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "device";
  return "not a file";
}

class Walk {
 public:
  Walk(const std::string& root, const WalkOptions& options) : root_(root), options_(options) {}

  Status folder(const std::string& relative, std::size_t depth);
  DirectoryListing take() { return std::move(listing_); }

 private:
  std::string local(const std::string& relative) const {
    return relative.empty() ? root_ : root_ + "/" + relative;
  }
  Result<std::vector<Entry>> read(const std::string& relative, bool is_root);
  // False for an entry that went away between readdir and stat.
  Result<bool> look_at(int folder_fd, const std::string& path, Entry& entry);
  Result<bool> look_behind(int folder_fd, const std::string& path, Entry& entry);

  const std::string root_;
  const WalkOptions& options_;
  DirectoryListing listing_;
};

Result<bool> Walk::look_behind(int folder_fd, const std::string& path, Entry& entry) {
  struct stat target = {};
  if (::fstatat(folder_fd, entry.name.c_str(), &target, 0) != 0) {
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) {
      return fail(walk_error("cannot follow a symbolic link", path, errno));
    }
    entry.why = errno == ELOOP ? "link to itself" : "dangling link";
  } else if (S_ISREG(target.st_mode)) {
    entry.kind = EntryKind::file;
    entry.size = static_cast<std::uint64_t>(target.st_size);
  } else {
    entry.why = S_ISDIR(target.st_mode) ? "link to a folder" : name_of_kind(target.st_mode);
  }
  return true;
}

Result<bool> Walk::look_at(int folder_fd, const std::string& path, Entry& entry) {
  struct stat info = {};
  if (::fstatat(folder_fd, entry.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return fail(walk_error("cannot look at", path, errno));
  }
  if (S_ISLNK(info.st_mode)) return look_behind(folder_fd, path, entry);
  if (S_ISDIR(info.st_mode)) {
    entry.kind = EntryKind::folder;
  } else if (S_ISREG(info.st_mode)) {
    entry.kind = EntryKind::file;
    entry.size = static_cast<std::uint64_t>(info.st_size);
  } else {
    entry.why = name_of_kind(info.st_mode);
  }
  return true;
}

Result<std::vector<Entry>> Walk::read(const std::string& relative, bool is_root) {
  const std::string path = local(relative);
  // A folder that became a link since its name was read is not followed; the root may be one.
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (is_root ? 0 : O_NOFOLLOW);
  const int fd = ::open(path.c_str(), flags);
  if (fd < 0) return fail(walk_error("cannot open the folder", path, errno));
  Folder folder(::fdopendir(fd));
  if (folder == nullptr) {
    const int error = errno;
    ::close(fd);
    return fail(walk_error("cannot read the folder", path, error));
  }
  std::vector<Entry> entries;
  for (;;) {
    errno = 0;
    const dirent* found = ::readdir(folder.get());
    if (found == nullptr) break;
    const std::string_view name = found->d_name;
    if (name == "." || name == "..") continue;
    Entry entry{.name = std::string(name), .why = {}};
    Result<bool> there = look_at(fd, path + "/" + entry.name, entry);
    if (!there) return fail(std::move(there.error()));
    if (*there) entries.push_back(std::move(entry));
  }
  if (errno != 0) return fail(walk_error("cannot read the folder", path, errno));
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

// The descriptor of a folder is closed before its subfolders are opened, so that depth costs none.
Status Walk::folder(const std::string& relative, std::size_t depth) {
  if (options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed)) {
    return fail(make_error(ErrorClass::cancelled, "cancelled", "the walk was stopped").at("scan"));
  }
  if (depth > depth_max) {
    return fail(walk_error("too many folders inside each other", local(relative), ENAMETOOLONG));
  }
  Result<std::vector<Entry>> entries = read(relative, depth == 0);
  if (!entries) return fail(std::move(entries.error()));
  for (Entry& entry : *entries) {
    std::string path = relative.empty() ? std::move(entry.name) : relative + "/" + entry.name;
    switch (entry.kind) {
      case EntryKind::file:
        listing_.files.push_back({.path = std::move(path), .size = entry.size});
        break;
      case EntryKind::left_out:
        listing_.left_out.push_back({.path = std::move(path), .why = entry.why});
        break;
      case EntryKind::folder:
        if (options_.enter && !options_.enter(path)) break;
        if (Status below = folder(path, depth + 1); !below) return below;
        break;
    }
  }
  return {};
}

}  // namespace

Result<DirectoryListing> walk_directory(const std::string& root, const WalkOptions& options) {
  Walk walk(root, options);
  if (Status done = walk.folder("", 0); !done) return fail(std::move(done.error()));
  return walk.take();
}

}  // namespace headrace
