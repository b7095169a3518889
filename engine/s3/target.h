// target.h: S3Target, one object on its way into a bucket, as a Target.
//
// A small object is one PutObject; a large one a multipart upload, whose id is the upload's name.
// Requests are made and signed when they are sent, so keys, region and clock that were put right
// meanwhile count. Finishing compares: the checksum that the store names, in its answer or by a
// HEAD, is that of the bytes we sent (of all parts combined), or the object is not called done.
// A completion whose answer was lost is looked for by the same checksum.
// Fails with: what judge_s3 makes of answers; checksum_mismatch, size_mismatch (fail).
#pragma once

#include <atomic>

#include "engine/s3/client.h"
#include "engine/target.h"

namespace headrace {

// One object, whichever upload it is sent by.
struct S3Object {
  S3Place place;
  std::uint64_t size = 0;
  std::uint64_t part_size = 0;  // 0: one PutObject
  Headers fields;               // what it is to have: type, metadata, …
  bool if_none_match = false;
  S3ChecksumKind checksum = S3ChecksumKind::crc64nvme;
  S3ChecksumUse use;
  std::string upload;  // the id of its upload
  std::atomic<std::uint32_t> uploads_lost{0};
  std::atomic<bool> gone{false};  // the store no longer knows that upload, or can't complete it
  std::atomic<bool> stored{false};
};

// What beginning its upload says of it.
Headers upload_fields(const S3Object& object);

class S3Target final : public Target {
 public:
  // `upload` is object->upload as it is now.
  S3Target(std::shared_ptr<S3Access> access, std::shared_ptr<S3Object> object, std::string upload);

  std::uint32_t part_count() const override;
  PartRange range(std::uint32_t index) const override;
  // Unsigned.
  Result<PartRequest> request(std::uint32_t index) const override;
  Result<std::unique_ptr<Parcel>> pack(std::uint32_t index, const PartContent& content,
                                       std::int64_t now) const override;
  // A small object carries its checksum before it; where the payload is signed, every part does.
  std::uint64_t read_first_max() const override;
  Result<std::string> judge_part(const HttpAnswer& answer, Error as_it_stands,
                                 std::int64_t now) const override;
  Task<Status> finish(Scope& scope, const FinishCall& call) const override;
  AfterFinish judge_finish(const Error& error) const override;
  const std::string& upload_name() const override { return upload_; }

 private:
  bool multipart() const { return object_->part_size > 0; }
  std::vector<S3Part> parts_of(std::span<const std::string> tags) const;
  Task<Status> complete(Scope& scope, S3Client& client, const FinishCall& call,
                        const std::string& whole) const;
  // Is it there as we sent it? With `proof` only if the store names its checksum.
  Task<Status> look_at(Scope& scope, S3Client& client, const std::string& whole, bool proof) const;

  const std::shared_ptr<S3Access> access_;
  const std::shared_ptr<S3Object> object_;
  const std::string upload_;
};

}  // namespace headrace
