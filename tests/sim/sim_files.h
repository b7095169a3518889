// sim_files.h: the files of a simulated world, in memory, and the numbers it hands out for them.
//
// Numbers are the lowest that is free, as the kernel's, so that a stale one hits something else.
// Files may be changed at any time; their identity changes with them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "io/operation.h"

namespace headrace {

class SimWorld;
struct SimEndpoint;

// Bytes under a path, kept by whoever has it open after it is gone.
struct SimFile {
  std::string bytes;
  FileIdentity identity;
  bool directory = false;
};

// What a number stands for: a file or an end of a connection.
struct SimHandle {
  std::shared_ptr<SimFile> file;
  std::shared_ptr<SimEndpoint> endpoint;
  // In flight on it; an operation may outlive the number.
  std::shared_ptr<std::size_t> operations = std::make_shared<std::size_t>(0);
};

class SimFiles {
 public:
  explicit SimFiles(SimWorld& world) : world_(world) {}

  // Made or rewritten in place, with a new time of change.
  void write(const std::string& path, std::string bytes);
  void make_directory(const std::string& path);
  void remove(const std::string& path) { files_.erase(path); }
  const SimFile* find(const std::string& path) const;

  int add(SimHandle handle);
  // Null if no such number is out.
  SimHandle* handle(int number);
  // 0, or -EBADF.
  int close(int number);
  std::size_t open_count() const { return handles_.size(); }

  int open(const std::string& path);
  int stat(int number, FileStatus& status);
  int read(int number, std::byte* into, std::size_t size, std::uint64_t offset);

 private:
  SimWorld& world_;
  std::map<std::string, std::shared_ptr<SimFile>> files_;
  std::map<int, SimHandle> handles_;
  std::uint64_t next_inode_ = 100;
};

}  // namespace headrace
