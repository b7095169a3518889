// road.h: S3Road, the way into a bucket. Contract: engine/road.h.
//
// Files share nothing: each is an object of its own and is sent unhashed. With `skip_same` a HEAD
// is asked for each first; an object of the same size whose checksum (or, if it is the MD5 of a
// single PUT, whose ETag) is known is compared with a digest of the file, which is then kept as
// far as memory allows. Negotiating is beginning a multipart upload for what is larger than a part.
// An upload that the store loses is begun once more. What is unfinished when a transfer has ended
// is in unfinished(), for whoever aborts it.
// Fails with: what the client fails with; object_too_large.
#pragma once

#include <mutex>

#include "engine/road.h"
#include "engine/s3/target.h"

namespace headrace {

inline constexpr std::uint64_t s3_parts_max = 10'000;
// Half the requests of the 8 MiB that others begin with; one that must go again costs a slow line
// of 16 Mbit/s eight seconds. Objects up to this size are one PUT.
inline constexpr std::uint64_t s3_part_size_usual = 16ULL << 20;

struct S3RoadOptions {
  std::string bucket;
  Headers fields;            // of every object, but for its type
  std::string content_type;  // empty: by the name
  bool if_none_match = false;
  bool skip_same = false;
  std::uint64_t part_size = 0;  // 0: the usual one, or more by the object's size
  std::uint64_t part_size_usual = s3_part_size_usual;
  S3ChecksumKind checksum = S3ChecksumKind::crc64nvme;
  S3ChecksumUse use;
};

// 10,000 parts at most, of 5 MiB to 5 GiB; whole blocks. What is `usual` gives way to that, what is
// wanted (not 0) does not.
Result<std::uint64_t> s3_part_size(std::uint64_t object_size, std::uint64_t wanted,
                                   std::uint64_t usual = s3_part_size_usual);

struct S3Begun {
  S3Place place;
  std::string upload;
};

// With all but its size and its upload.
std::shared_ptr<S3Object> new_object(const S3RoadOptions& options, const std::string& key);

class S3Road final : public Road {
 public:
  S3Road(std::shared_ptr<S3Access> access, S3RoadOptions options)
      : access_(std::move(access)), options_(std::move(options)) {}

  SchedulerLimits limits() const override;
  bool digests() const override { return options_.skip_same; }
  std::optional<std::size_t> sample_size(const FileRecord& file) const override;
  Task<Result<std::vector<Result<Classified>>>> classify(
      Scope& scope, const RoadCall& call, std::span<const FileSample> samples) const override;
  std::unique_ptr<Digest> digest(const FileRecord& file) const override;
  Task<Result<std::vector<Negotiation>>> negotiate(
      Scope& scope, const RoadCall& call,
      std::span<const NegotiateObjects::Object> objects) const override;

  // Multipart uploads that were begun and not completed; those that the store has lost as well,
  // since a part that was on its way may have brought one back.
  std::vector<S3Begun> unfinished() const;

 private:
  Task<void> compare(Scope& scope, const RoadCall& call, const FileRecord& file,
                     Result<Classified>& found) const;
  Task<void> begin(Scope& scope, const RoadCall& call, const NegotiateObjects::Object& wanted,
                   Negotiation& found) const;
  Result<std::shared_ptr<S3Object>> object_of(const RoadCall& call,
                                              const NegotiateObjects::Object& wanted) const;

  const std::shared_ptr<S3Access> access_;
  const S3RoadOptions options_;
  mutable std::mutex mutex_;
  mutable std::map<ObjectIndex, std::shared_ptr<S3Object>> large_;  // by object, those of parts
  mutable std::vector<S3Begun> lost_;
};

}  // namespace headrace
