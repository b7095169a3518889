// request.h: what one upload is asked to do. A value; the front door takes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "engine/repo.h"

namespace headrace {

struct UploadRequest {
  std::string endpoint;  // as Settings has it
  std::string token;     // empty: anonymous; sent to the endpoint's origin only
  RepoId repo;
  std::optional<std::string> revision;  // nothing: main
  bool create_pr = false;
  std::optional<bool> is_private;  // of a repo that is created; nothing: as the account has it

  // One entry: a file, or a folder with all below it. More: files, each under its base name.
  std::vector<std::string> local_paths;
  // A single file: its whole path in the repo. Else the folder that it goes into; empty: the root.
  std::string path_in_repo;

  // For folders; no include list takes everything.
  std::optional<std::vector<std::string>> include;
  std::vector<std::string> exclude;
  // Remote files below `path_in_repo` to be deleted; nothing: no listing is fetched.
  std::optional<std::vector<std::string>> delete_patterns;

  std::string message;  // empty: the ecosystem's default for a file or a folder
  std::string description;
  CommitLimits commit_limits;
  bool keep_going = false;  // a file that fails is left out of the commit, the others go in
  bool dry_run = false;     // read and plan, send nothing
};

}  // namespace headrace
