// uploads.h: multipart uploads that are under way: which parts came, what they hash to.
//
// Parts arrive in any order, on any thread, and more than once. The first sender of a part writes
// straight to its place; whoever sends it again meanwhile or later writes to the side and is
// compared at the end, so that a part once confirmed is never half overwritten. The contiguous
// prefix is hashed while parts come in, and completion only waits for the rest.
// Thread: any. No lock is held while a body streams in but for the length of one write.
// Errors: `upload_part_missing`, `upload_wrong_digest`, `upload_wrong_size`, or the store's.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "tools/hub/encoding.h"
#include "tools/hub/store.h"

namespace headrace::hub {

class PartWriter;

class Upload {
 public:
  Upload(Store& store, UploadRecord record, std::shared_ptr<Scratch> scratch,
         std::vector<bool> received);
  const UploadRecord& record() const { return record_; }
  std::uint64_t part_bytes(std::size_t index) const;
  // A writer for the part `index`; outlives the upload's place in the table.
  static Result<std::unique_ptr<PartWriter>> begin_part(std::shared_ptr<Upload> upload,
                                                        std::size_t index);
  // Checks that every part is there and that they are the object, and publishes it.
  Status complete();

 private:
  friend class PartWriter;
  struct Part {
    bool received = false;
    const PartWriter* owner = nullptr;  // who writes to its place
  };
  Status keep_side_copy(std::size_t index, Scratch& side);
  Status hash_part(std::size_t index);
  void hash_prefix();

  Store& store_;
  const UploadRecord record_;
  const std::shared_ptr<Scratch> scratch_;
  std::mutex hash_mutex_;  // taken before state_mutex_
  Digest digest_{Digest::Kind::sha256};
  std::size_t hashed_ = 0;  // parts in the digest; guarded by hash_mutex_
  std::shared_mutex state_mutex_;
  std::vector<Part> parts_;
  bool sealed_ = false;  // complete() judges: nobody writes any more
  bool published_ = false;
};

// One sending of one part. Destroyed without finish(): nothing of it counts.
class PartWriter {
 public:
  PartWriter(std::shared_ptr<Upload> upload, std::size_t index, std::unique_ptr<Scratch> side);
  ~PartWriter();
  PartWriter(const PartWriter&) = delete;
  PartWriter& operator=(const PartWriter&) = delete;
  Status write(std::span<const std::byte> bytes);
  Status finish();

 private:
  friend class Upload;
  const std::shared_ptr<Upload> upload_;
  const std::size_t index_;
  const std::unique_ptr<Scratch> side_;  // none: straight to its place
  std::uint64_t written_ = 0;
};

// All of them. An upload is continued for the same repository and object for a day.
class Uploads {
 public:
  explicit Uploads(Store& store) : store_(store) {}
  // The one under way for this object, else a new one with `fresh.id`.
  Result<std::shared_ptr<Upload>> find_or_create(UploadRecord fresh);
  std::shared_ptr<Upload> find(std::string_view id);
  void remove(std::string_view id);
  void remove_repo(const RepoId& repo);

 private:
  Status load();
  void drop_old(std::int64_t now);

  Store& store_;
  std::mutex mutex_;
  bool loaded_ = false;
  std::map<std::string, std::shared_ptr<Upload>, std::less<>> uploads_;
};

inline constexpr std::int64_t upload_lifetime_s = 24 * 3600;

}  // namespace headrace::hub
