// store.h: what the hub keeps, behind one interface with two bodies: files (store_disk.h) and
// memory (store_memory.h, for the simulation).
//
// A store holds repositories (a git object database, refs and small documents), LFS objects and
// uploads that are under way. LFS bytes are kept once for all repositories; a repository sees an
// object only after publish() for it.
// Thread: every call is safe from any thread; no lock is held between calls, and none of a
// Scratch is shared with the store.
// Durability: a call that returned well survives a crash, and a crash within a call leaves its
// effect whole or absent. Scratch bytes and part marks survive a crash of the process, not one of
// the machine; publish() makes them durable first.
// Errors: code `store_not_found`, `store_exists`, `store_conflict` (a ref moved meanwhile), or a
// system error of the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "tools/hub/call.h"
#include "tools/hub/git_object.h"

namespace headrace::hub {

inline Error store_not_found(std::string_view what) {
  return make_error(ErrorClass::fail, "store_not_found", fmt::format("there is no {}", what));
}

struct RepoId {
  std::string type;  // model, dataset, space, kernel
  std::string name;  // namespace/name
  auto operator<=>(const RepoId&) const = default;
};

struct Ref {
  std::string name;  // refs/heads/main, refs/pr/1, refs/tags/v1
  std::string commit;
};

// A multipart upload: where its parts go and for whom.
struct UploadRecord {
  std::string id;
  RepoId repo;
  std::string oid;
  std::uint64_t size = 0;
  std::uint64_t part_size = 0;
  std::int64_t created_at = 0;
  std::size_t part_count() const {
    return static_cast<std::size_t>((size + part_size - 1) / part_size);
  }
};

// Bytes on their way in, at any offset. Used by several threads at once for disjoint ranges.
class Scratch {
 public:
  virtual ~Scratch() = default;
  virtual Status write(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  // Exactly `into`; bytes never written read as zero, past the end is an error.
  virtual Status read(std::uint64_t offset, std::span<std::byte> into) = 0;
  // Parts of an upload that arrived whole, index 0 first; kept over a restart.
  virtual Status mark_part(std::size_t index, bool received) = 0;
  virtual Result<std::vector<bool>> parts() = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // A repository appears with its first commit or not at all.
  virtual Status create_repo(const RepoId&, std::span<const GitObject>, const Ref& first,
                             std::string_view record) = 0;
  virtual Status remove_repo(const RepoId&) = 0;
  // Documents are small texts by name; "record" is the one that create_repo was given.
  virtual Result<std::string> document(const RepoId&, std::string_view name) = 0;
  virtual Status set_document(const RepoId&, std::string_view name, std::string_view text) = 0;

  virtual Status write_objects(const RepoId&, std::span<const GitObject>) = 0;
  virtual Result<GitObject> object(const RepoId&, std::string_view id) = 0;
  virtual Result<std::uint64_t> object_size(const RepoId&, std::string_view id) = 0;
  virtual Result<std::vector<Ref>> refs(const RepoId&) = 0;  // sorted by name
  // Moves `name` from `before` (empty: does not exist) to `after` (empty: is removed).
  virtual Status move_ref(const RepoId&, std::string_view name, std::string_view before,
                          std::string_view after) = 0;

  // An LFS object as this repository sees it.
  virtual Result<std::unique_ptr<Content>> lfs_object(const RepoId&, std::string_view oid) = 0;
  virtual Result<std::uint64_t> lfs_size(const RepoId&, std::string_view oid) = 0;
  // `bytes` have the digest `oid` and the right size: this repository now has the object.
  virtual Status publish(const RepoId&, std::string_view oid, std::uint64_t size,
                         Scratch& bytes) = 0;

  virtual Result<std::unique_ptr<Scratch>> scratch() = 0;  // gone when destroyed
  virtual Result<std::shared_ptr<Scratch>> create_upload(const UploadRecord&) = 0;
  virtual Result<std::shared_ptr<Scratch>> open_upload(std::string_view id) = 0;
  virtual Result<std::vector<UploadRecord>> uploads() = 0;
  virtual Status remove_upload(std::string_view id) = 0;
};

}  // namespace headrace::hub
