// git_repo.h: one bare repository on disk, through libgit2.
// Few objects are written loose, many as one pack: a thousand files then cost two syncs and not a
// thousand. Everything is synced before a call returns, and a ref moves only after its objects.
// Thread: any; one call at a time goes into libgit2.
// Errors: `store_not_found`, `store_conflict`, `store_git_failed`.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/hub/disk_files.h"
#include "tools/hub/store.h"

struct git_odb;
struct git_repository;

namespace headrace::hub {

class GitRepo {
 public:
  // A new bare repository whose HEAD is the branch main.
  static Status create(const Path& folder);
  // Removes what a crash left there (locks, temporary files): only one process uses a root.
  static Result<std::unique_ptr<GitRepo>> open(const Path& folder);

  Status write_objects(std::span<const GitObject> objects);
  Result<GitObject> object(std::string_view id);
  Result<std::uint64_t> object_size(std::string_view id);
  Result<std::vector<Ref>> refs();
  Status move_ref(std::string_view name, std::string_view before, std::string_view after);

 private:
  struct FreeRepository {
    void operator()(git_repository* repository) const;
  };
  struct FreeDatabase {
    void operator()(git_odb* database) const;
  };
  explicit GitRepo(Path folder) : folder_(std::move(folder)) {}
  Status write_loose(std::span<const GitObject> objects);
  Status write_pack(std::span<const GitObject> objects);

  const Path folder_;
  std::mutex mutex_;
  std::unique_ptr<git_repository, FreeRepository> repository_;
  std::unique_ptr<git_odb, FreeDatabase> database_;
};

}  // namespace headrace::hub
