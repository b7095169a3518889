#include "engine/s3/road.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base64.h"
#include "engine/s3/content_type.h"
#include "io/digest/crc.h"
#include "io/digest/md5.h"
#include "io/digest/sha256.h"
#include "io/worker.h"

namespace headrace {
namespace {

constexpr std::uint64_t mib = 1ULL << 20;
constexpr std::uint64_t part_size_min = 5 * mib;
constexpr std::uint64_t part_size_max = 5ULL << 30;
// Calls of one piece of work that are under way at a time.
constexpr std::size_t calls_side_by_side = 16;

// By its size: see compare(). MD5 is the ETag of what was PUT in one piece, unencrypted.
constexpr std::size_t crc32c_size = 4;
constexpr std::size_t crc64_size = 8;
constexpr std::size_t md5_size = 16;

std::optional<DigestValue> value_of(const S3Head& head) {
  for (S3ChecksumKind kind :
       {S3ChecksumKind::crc64nvme, S3ChecksumKind::crc32c, S3ChecksumKind::sha256}) {
    auto found = head.checksums.find(kind);
    if (found == head.checksums.end()) continue;
    // That of parts ("…-3") says nothing about the whole.
    if (std::optional<DigestValue> value = checksum_value(kind, found->second)) return value;
  }
  std::string_view etag = head.etag;
  if (etag.size() == 34 && etag.starts_with('"')) return from_hex(etag.substr(1, 32));
  return std::nullopt;
}

}  // namespace

Result<std::uint64_t> s3_part_size(std::uint64_t object_size, std::uint64_t wanted,
                                   std::uint64_t usual) {
  std::uint64_t size = wanted > 0 ? wanted : std::clamp(usual, part_size_min, part_size_max);
  std::uint64_t least = (object_size + s3_parts_max - 1) / s3_parts_max;
  if (wanted == 0) size = std::max(size, least);
  size = (size + block_size_bytes - 1) / block_size_bytes * block_size_bytes;
  if (size >= part_size_min && size <= part_size_max && size >= least) return size;
  if (object_size > s3_parts_max * part_size_max) {
    return fail(
        make_error(ErrorClass::fail, "object_too_large",
                   fmt::format("{} bytes are more than 10,000 parts of 5 GiB hold", object_size))
            .at("plan"));
  }
  return fail(make_error(ErrorClass::fail, "bad_part_size",
                         fmt::format("parts of {} bytes do not make an object of {}: S3 takes "
                                     "10,000 parts of 5 MiB to 5 GiB",
                                     size, object_size))
                  .at("plan")
                  .hinting("leave --part-size out"));
}

std::shared_ptr<S3Object> new_object(const S3RoadOptions& options, const std::string& key) {
  auto object = std::make_shared<S3Object>();
  object->place = {.bucket = options.bucket, .key = key};
  object->fields = options.fields;
  std::string_view type = options.content_type;
  object->fields.set("content-type", type.empty() ? content_type_of(key) : type);
  object->if_none_match = options.if_none_match;
  object->checksum = options.checksum;
  object->use = options.use;
  return object;
}

SchedulerLimits S3Road::limits() const {
  SchedulerLimits limits;
  limits.share_content = false;
  limits.send_twice = !options_.if_none_match;
  limits.negotiate_max = 64;
  // Nothing runs out, but each is an upload to be aborted if we are stopped.
  limits.objects_max = 256;
  return limits;
}

// What goes in one piece is looked at when it is sent.
std::optional<std::size_t> S3Road::sample_size(const FileRecord& file) const {
  Result<std::uint64_t> part =
      s3_part_size(file.size, options_.part_size, options_.part_size_usual);
  if (part && file.size <= *part) return std::nullopt;
  return 0;
}

// --- what is there already ---

Task<Result<std::vector<Result<Classified>>>> S3Road::classify(
    Scope& scope, const RoadCall& call, std::span<const FileSample> samples) const {
  std::vector<Result<Classified>> found(samples.size(), Classified{.large = true});
  if (!options_.skip_same) co_return found;
  for (std::size_t first = 0; first < samples.size(); first += calls_side_by_side) {
    Scope asking(scope);
    std::size_t end = std::min(samples.size(), first + calls_side_by_side);
    for (std::size_t i = first; i < end; ++i) {
      asking.spawn(compare(asking, call, call.files[samples[i].file], found[i]));
    }
    co_await asking.join();
  }
  co_return found;
}

Task<void> S3Road::compare(Scope& scope, const RoadCall& call, const FileRecord& file,
                           Result<Classified>& found) const {
  S3Client client(call.client, *access_);
  client.count_retries(call.reporter.counters.retries);
  S3Place place{.bucket = options_.bucket, .key = file.path};
  Result<std::optional<S3Head>> head = co_await client.head(scope, place, options_.use.known());
  if (!head) {
    found = fail(std::move(head.error()));
    co_return;
  }
  if (!*head || (*head)->size != file.size) co_return;
  if (std::optional<DigestValue> value = value_of(**head)) found->remote = *value;
}

std::unique_ptr<Digest> S3Road::digest(const FileRecord& file) const {
  if (file.remote.size == crc32c_size) return std::make_unique<Crc32c>();
  if (file.remote.size == crc64_size) return std::make_unique<Crc64Nvme>();
  if (file.remote.size == md5_size) return std::make_unique<Md5>();
  return std::make_unique<Sha256>();
}

// --- where it goes ---

Task<Result<std::vector<Negotiation>>> S3Road::negotiate(
    Scope& scope, const RoadCall& call, std::span<const NegotiateObjects::Object> objects) const {
  // Parts are signed by workers that can't wait for keys.
  Status ready = co_await access_->ready(scope, call.client);
  if (!ready) co_return fail(std::move(ready.error()));
  std::vector<Negotiation> found(objects.size(), nullptr);
  for (std::size_t first = 0; first < objects.size(); first += calls_side_by_side) {
    Scope asking(scope);
    std::size_t end = std::min(objects.size(), first + calls_side_by_side);
    for (std::size_t i = first; i < end; ++i) {
      asking.spawn(begin(asking, call, objects[i], found[i]));
    }
    co_await asking.join();
  }
  co_return found;
}

// The object as it was negotiated before, or a new one.
Result<std::shared_ptr<S3Object>> S3Road::object_of(const RoadCall& call,
                                                    const NegotiateObjects::Object& wanted) const {
  {
    std::lock_guard lock(mutex_);
    if (auto found = large_.find(wanted.index); found != large_.end()) return found->second;
  }
  Result<std::uint64_t> part_size =
      s3_part_size(wanted.size, options_.part_size, options_.part_size_usual);
  if (!part_size) return fail(std::move(part_size.error()));
  std::shared_ptr<S3Object> object = new_object(options_, call.files[wanted.file].path);
  object->size = wanted.size;
  object->part_size = wanted.size > *part_size ? *part_size : 0;
  return object;
}

Task<void> S3Road::begin(Scope& scope, const RoadCall& call, const NegotiateObjects::Object& wanted,
                         Negotiation& found) const {
  Result<std::shared_ptr<S3Object>> made = object_of(call, wanted);
  if (!made) {
    found = fail(std::move(made.error()));
    co_return;
  }
  std::shared_ptr<S3Object> object = std::move(*made);
  bool begun = !object->upload.empty();
  if (object->part_size == 0 || (begun && !object->gone)) {
    found = std::make_shared<S3Target>(access_, object, object->upload);
    co_return;
  }
  if (begun && ++object->uploads_lost > 1) {
    found = fail(make_error(ErrorClass::fail, "no_such_upload",
                            "the store lost the upload of this object twice")
                     .at("create_upload")
                     .hinting("look whether a rule of the bucket aborts uploads"));
    co_return;
  }
  S3Client client(call.client, *access_);
  client.count_retries(call.reporter.counters.retries);
  Result<std::string> upload =
      co_await client.create_upload(scope, object->place, upload_fields(*object));
  if (!upload) {
    found = fail(std::move(upload.error()));
    co_return;
  }
  std::lock_guard lock(mutex_);
  if (begun) lost_.push_back({object->place, std::move(object->upload)});
  object->upload = std::move(*upload);
  object->gone = false;
  large_[wanted.index] = object;
  found = std::make_shared<S3Target>(access_, object, object->upload);
}

std::vector<S3Begun> S3Road::unfinished() const {
  std::lock_guard lock(mutex_);
  std::vector<S3Begun> left = lost_;
  for (const auto& [index, object] : large_) {
    if (!object->stored) left.push_back({object->place, object->upload});
  }
  return left;
}

}  // namespace headrace
