#include "tests/sim/sim_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tests/sim/sim_world.h"

namespace headrace {
namespace {

constexpr int first_number = 3;

}  // namespace

void SimFiles::write(const std::string& path, std::string bytes) {
  std::shared_ptr<SimFile>& file = files_[path];
  if (!file) {
    file = std::make_shared<SimFile>();
    file->identity.device = 1;
    file->identity.inode = next_inode_++;
  }
  file->identity.size = bytes.size();
  file->bytes = std::move(bytes);
  // The clock may stand still between two writes; a kernel's would not be finer than this either,
  // but the simulation shall not depend on that.
  std::int64_t now = world_.now().time_since_epoch().count();
  file->identity.changed_ns = std::max(now, file->identity.changed_ns + 1);
  file->identity.modified_ns = file->identity.changed_ns;
}

void SimFiles::make_directory(const std::string& path) {
  write(path, "");
  files_[path]->directory = true;
}

const SimFile* SimFiles::find(const std::string& path) const {
  auto found = files_.find(path);
  return found == files_.end() ? nullptr : found->second.get();
}

int SimFiles::add(SimHandle handle) {
  int number = first_number;
  for (const auto& [taken, unused] : handles_) {
    if (taken != number) break;
    ++number;
  }
  handles_.emplace(number, std::move(handle));
  return number;
}

SimHandle* SimFiles::handle(int number) {
  auto found = handles_.find(number);
  return found == handles_.end() ? nullptr : &found->second;
}

int SimFiles::close(int number) { return handles_.erase(number) == 1 ? 0 : -EBADF; }

int SimFiles::open(const std::string& path) {
  auto found = files_.find(path);
  if (found == files_.end()) return -ENOENT;
  if (world_.chance(world_.knobs().open_error)) return -EMFILE;
  return add({.file = found->second});
}

int SimFiles::stat(int number, FileStatus& status) {
  SimHandle* open = handle(number);
  if (!open || !open->file) return -EBADF;
  status.identity = open->file->identity;
  status.directory = open->file->directory;
  status.regular = !open->file->directory;
  return 0;
}

int SimFiles::read(int number, std::byte* into, std::size_t size, std::uint64_t offset) {
  SimHandle* open = handle(number);
  if (!open || !open->file) return -EBADF;
  if (open->file->directory) return -EISDIR;
  if (world_.chance(world_.knobs().read_error)) return -EIO;
  const std::string& bytes = open->file->bytes;
  if (offset >= bytes.size()) return 0;
  std::size_t count = std::min<std::uint64_t>(size, bytes.size() - offset);
  if (count > 1 && world_.chance(world_.knobs().short_read)) {
    count = world_.prng().between(1, count - 1);
  }
  std::memcpy(into, bytes.data() + offset, count);
  return static_cast<int>(count);
}

}  // namespace headrace
