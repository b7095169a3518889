// disk_files.h: files that survive a crash: written aside, synced, renamed.
// Wraps the calls whose order makes that so. Safe from any thread as long as two don't write one
// path. Errors: system errors named `disk_failed`, with the path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "io/error.h"

namespace headrace::hub {

using Path = std::filesystem::path;

Error disk_error(std::string_view what, const Path& path, int errno_value);

// An owned descriptor.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  int fd() const { return fd_; }

  static Result<File> open(const Path& path, int flags);  // 0600 if it is made
  Status write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  // Fewer bytes than asked for only at the end of the file.
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const;
  Status sync(const Path& path);

 private:
  int fd_ = -1;
};

Result<std::string> read_file(const Path& path);
// Makes every folder of `path` and their entries durable.
Status make_folders(const Path& path);
Status sync_folder(const Path& path);
// Every file and folder below `path`, and itself.
Status sync_tree(const Path& path);
Status rename_path(const Path& from, const Path& to);
// `path` holds `text`, or what it held before. `aside` must lie on the same file system.
Status write_file(const Path& path, std::string_view text, const Path& aside);

}  // namespace headrace::hub
