#include "tests/sim/sim_folder.h"

#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "io/check.h"

namespace headrace {
namespace {

// Of one length for every process, so that a seed does the same in each.
std::string path_of(int process) { return fmt::format("/tmp/headrace-sim-{:010}", process); }

}  // namespace

SimFolder::SimFolder(SimFiles& files) : files_(files), path_(path_of(getpid())) {
  std::filesystem::remove_all(path_);
  std::filesystem::create_directory(path_);
}

SimFolder::~SimFolder() { clear_sim_folder(getpid()); }

void SimFolder::write(const std::string& name, std::string bytes) {
  std::filesystem::path real = path_ + "/" + name;
  std::filesystem::create_directories(real.parent_path());
  int file = open(real.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  CHECK(file >= 0);
  CHECK(ftruncate(file, static_cast<off_t>(bytes.size())) == 0);
  close(file);
  files_.write(real, bytes);
  versions_[name].insert(bytes);
  now_[name] = std::move(bytes);
}

void SimFolder::remove(const std::string& name) {
  std::filesystem::remove(path_ + "/" + name);
  files_.remove(path_ + "/" + name);
  now_.erase(name);
}

void clear_sim_folder(int process) {
  std::error_code ignored;
  std::filesystem::remove_all(path_of(process), ignored);
}

}  // namespace headrace
