// local_paths.h: what is to be uploaded and under which name, where it was left unsaid.
//
// The rules of the ecosystem's own command: without LOCAL_PATH, a file or folder named like the
// repo; a path with *, ? or [ that names nothing is a pattern over the current folder; without
// PATH_IN_REPO, a file keeps its name and a folder goes to the root.
// Fails with: local_path_needed, bad_arguments (stage arguments), no_such_path, symlink_loop,
// walk_failed (a folder above it may not be entered). Pure but for the look at the paths, which is
// handed in.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/error.h"

namespace headrace {

enum class LocalKind : std::uint8_t { nothing, file, folder, other };
struct LocalLook {
  LocalLook(LocalKind what, int error = 0) : kind(what), sys_error(error) {}
  LocalKind kind;
  int sys_error;  // why there is nothing; 0 or ENOENT: there is none
};
using LookAt = std::function<LocalLook(const std::string& path)>;
// Of this machine's files; links are followed.
LocalLook look_at_path(const std::string& path);

struct PathArguments {
  std::string repo_name;  // the last part of the repo's id
  std::optional<std::string> local_path;
  std::optional<std::string> path_in_repo;
  std::optional<std::vector<std::string>> include;
};
struct LocalChoice {
  std::string path;
  bool is_file = false;
  std::string path_in_repo;  // empty: the root
  std::optional<std::vector<std::string>> include;
};
Result<LocalChoice> choose_local(const PathArguments&, const LookAt&);

}  // namespace headrace
