#include "tools/hub/disk_files.h"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace headrace::hub {

Error disk_error(std::string_view what, const Path& path, int errno_value) {
  return system_error("disk_failed", fmt::format("cannot {} '{}'", what, path.native()),
                      errno_value);
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}
File::File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Result<File> File::open(const Path& path, int flags) {
  int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return fail(disk_error("open", path, errno));
  return File(fd);
}

Status File::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error("disk_failed", "cannot write to the store", errno));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<std::size_t> File::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  std::size_t done = 0;
  while (done < into.size()) {
    ssize_t count =
        ::pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error("disk_failed", "cannot read from the store", errno));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Status File::sync(const Path& path) {
  if (::fsync(fd_) == 0) return {};
  return fail(disk_error("sync", path, errno));
}

Result<std::string> read_file(const Path& path) {
  auto file = File::open(path, O_RDONLY);
  if (!file) return fail(std::move(file.error()));
  std::string text;
  std::string piece(std::size_t{64} << 10, '\0');
  for (;;) {
    auto count = file->read_at(text.size(), std::as_writable_bytes(std::span(piece)));
    if (!count) return fail(std::move(count.error()));
    text.append(piece, 0, *count);
    if (*count < piece.size()) return text;
  }
}

Status make_folders(const Path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return {};
  if (path.has_parent_path() && path.parent_path() != path) {
    if (auto above = make_folders(path.parent_path()); !above) return above;
  }
  std::filesystem::create_directory(path, error);
  if (error) return fail(disk_error("make the folder", path, error.value()));
  return sync_folder(path.parent_path());
}

Status sync_folder(const Path& path) {
  auto folder = File::open(path.empty() ? Path(".") : path, O_RDONLY | O_DIRECTORY);
  if (!folder) return fail(std::move(folder.error()));
  return folder->sync(path);
}

Status sync_tree(const Path& path) {
  std::error_code error;
  std::filesystem::recursive_directory_iterator entries(path, error);
  while (!error && entries != std::filesystem::end(entries)) {
    auto file = File::open(entries->path(), O_RDONLY);
    if (!file) return fail(std::move(file.error()));
    if (auto synced = file->sync(entries->path()); !synced) return synced;
    entries.increment(error);
  }
  if (error) return fail(disk_error("list", path, error.value()));
  return sync_folder(path);
}

Status rename_path(const Path& from, const Path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return fail(disk_error("rename", from, errno));
  return sync_folder(to.parent_path());
}

Status write_file(const Path& path, std::string_view text, const Path& aside) {
  auto file = File::open(aside, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file) return fail(std::move(file.error()));
  if (auto written = file->write_at(0, std::as_bytes(std::span(text))); !written) return written;
  if (auto synced = file->sync(aside); !synced) return synced;
  return rename_path(aside, path);
}

}  // namespace headrace::hub
