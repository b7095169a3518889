// remote_lfs.h: RemoteLfs, LFS objects that lie in RemoteObjects; which repository has which, and
// that each is what its name says, is known here.
//
// Content is believed once the hub has read it back and found its SHA-256 to be its oid: a store
// that checks SHA-256 itself can do so for an object in one piece alone (of parts it keeps the
// digest of their digests), and only if the client sends a field for it, which those of the Hub
// don't. Reading back costs the store's line to the hub once, and holds for every store.
// An upload in parts makes the object when the hub completes it, under a key of its own, and its
// URLs are void from then on. One PUT goes to a key aside and is copied once it was read, since its
// URL may be used again. What was not the object is removed.
// Kept as documents of the repository: "lfs/OID", an object it has; "uploads/OID", one under way,
// which is continued for a day. Objects stay in the store when their repository is deleted.
// Thread: any. Errors: `store_not_found`, `upload_unknown`, `upload_wrong_digest`, the store's.
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "tools/hub/remote_objects.h"
#include "tools/hub/store.h"

namespace headrace::hub {

class RemoteLfs {
 public:
  RemoteLfs(Store& store, RemoteObjects& objects) : store_(store), objects_(objects) {}

  // As this repository sees it.
  Result<std::uint64_t> size(const RepoId& repo, std::string_view oid);
  Result<std::string> download_url(const RepoId& repo, std::string_view oid,
                                   std::int64_t lifetime_s);

  // --- in one piece: `id` is new, and the same in both ---
  Result<std::string> put_url(std::string_view id, std::int64_t lifetime_s);
  Status take_put(const RepoId& repo, std::string_view oid, std::uint64_t size,
                  std::string_view id);

  // --- in parts ---
  struct Upload {
    UploadRecord record;
    std::string key;
    std::string store_id;
  };
  // The one under way for this object, else a new one with `fresh.id`.
  Result<Upload> find_or_begin(const UploadRecord& fresh);
  Result<std::vector<std::string>> part_urls(const Upload& upload, std::int64_t lifetime_s);
  // With that id; `upload_unknown` if there is none.
  Result<Upload> find(const RepoId& repo, std::string_view oid, std::string_view id);
  Status complete(const Upload& upload, std::span<const std::string> etags);

 private:
  struct Kept {
    std::uint64_t size = 0;
    std::string key;
  };
  Result<Kept> kept(const RepoId& repo, std::string_view oid);
  Result<Upload> under_way(const RepoId& repo, std::string_view oid);
  Status forget(const UploadRecord& record);
  // The one that is kept; what the store has to abort is `surplus`.
  Result<Upload> record(const Upload& ours, std::optional<Upload>& surplus);
  // Whether what lies at `key` is the object.
  Result<RemoteContent> check(const std::string& key, std::string_view oid, std::uint64_t size);

  Store& store_;
  RemoteObjects& objects_;
  std::mutex records_mutex_;  // of uploads; not held over calls of the store
};

}  // namespace headrace::hub
