// sim_folder.h: the folder that an upload walks, for real, and reads, in its simulated world.
//
// The walk is a blocking job that makes system calls, so each file stands on this machine too, as a
// hole of its size under a directory of this process's own; the bytes are the world's, under the
// same path. One folder a process at a time; clear_sim_folder() removes what a process left.
#pragma once

#include <map>
#include <set>
#include <string>

#include "tests/sim/sim_files.h"

namespace headrace {

class SimFolder {
 public:
  explicit SimFolder(SimFiles& files);
  ~SimFolder();
  SimFolder(const SimFolder&) = delete;

  // Without a slash at the end.
  const std::string& path() const { return path_; }
  void write(const std::string& name, std::string bytes);
  void remove(const std::string& name);

  // What it holds now, and all that each file ever held.
  const std::map<std::string, std::string>& now() const { return now_; }
  const std::map<std::string, std::set<std::string>>& versions() const { return versions_; }

 private:
  SimFiles& files_;
  const std::string path_;
  std::map<std::string, std::string> now_;
  std::map<std::string, std::set<std::string>> versions_;
};

void clear_sim_folder(int process);

}  // namespace headrace
