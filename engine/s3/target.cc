#include "engine/s3/target.h"

#include <fmt/format.h>

#include "engine/s3/parcel.h"

namespace headrace {
namespace {

bool full_object(S3ChecksumKind kind) { return checksum_type(kind) == "FULL_OBJECT"; }

}  // namespace

Headers upload_fields(const S3Object& object) {
  Headers fields = object.fields;
  if (object.use.declared) {
    fields.set("x-amz-checksum-algorithm", checksum_name(object.checksum));
    fields.set("x-amz-checksum-type", checksum_type(object.checksum));
  }
  return fields;
}

S3Target::S3Target(std::shared_ptr<S3Access> access, std::shared_ptr<S3Object> object,
                   std::string upload)
    : access_(std::move(access)), object_(std::move(object)), upload_(std::move(upload)) {}

std::uint32_t S3Target::part_count() const {
  if (!multipart()) return 1;
  return static_cast<std::uint32_t>(headrace::part_count(object_->size, object_->part_size));
}

PartRange S3Target::range(std::uint32_t index) const {
  if (multipart()) return part_range(object_->size, object_->part_size, index + 1);
  return {.number = 1, .offset = 0, .size = object_->size};
}

Result<PartRequest> S3Target::request(std::uint32_t index) const {
  std::string query;
  if (multipart())
    query = fmt::format("partNumber={}&uploadId={}", index + 1, percent_encode(upload_));
  Result<Url> url = access_->url(object_->place.bucket, object_->place.key, query);
  if (!url) return fail(std::move(url.error()));
  PartRequest request{.method = "PUT", .url = url->text(), .headers = {}};
  if (multipart()) return request;
  request.headers = object_->fields;
  if (object_->if_none_match) request.headers.set("if-none-match", "*");
  return request;
}

std::uint64_t S3Target::read_first_max() const {
  constexpr std::uint64_t two_blocks = 2 * block_size_bytes;
  Result<Url> url = access_->url(object_->place.bucket, object_->place.key, "");
  return url && access_->payload_unsigned(*url) ? two_blocks : UINT64_MAX;
}

Result<std::unique_ptr<Parcel>> S3Target::pack(std::uint32_t index, const PartContent& content,
                                               std::int64_t now) const {
  Result<PartRequest> what = request(index);
  if (!what) return fail(std::move(what.error()));
  Result<Url> url = Url::parse(what->url);
  if (!url) return fail(std::move(url.error()));
  auto parcel = std::make_unique<S3Parcel>(*this, std::move(*what), content, object_->checksum,
                                           object_->use.part_way);
  PartRequest& request = parcel->request;
  access_->sign(request.method, *url, parcel->payload(access_->payload_unsigned(*url)), now,
                request.headers);
  return parcel;
}

Result<std::string> S3Target::judge_part(const HttpAnswer& answer, Error as_it_stands,
                                         std::int64_t now) const {
  if (answer.status >= 200 && answer.status < 300) {
    std::string etag(answer.headers.value_or("etag", ""));
    if (!etag.empty()) return etag;
    as_it_stands.kind = ErrorClass::retry;
    as_it_stands.code = "no_etag";
    as_it_stands.message = "the part was answered without an ETag, so nothing is confirmed";
    return fail(std::move(as_it_stands));
  }
  Error error = judge_s3(std::move(as_it_stands), answer);
  if (learn_from(error, answer, *access_, now)) error.kind = ErrorClass::retry;
  if (error.code == "keys_expired") access_->keys_expired();
  if (error.code == "no_such_upload") {
    object_->gone = true;
    error.kind = ErrorClass::expired;  // negotiated anew
  }
  if (error.code == "http_status" && error.kind == ErrorClass::fail) error.code = "part_refused";
  return fail(std::move(error));
}

std::vector<S3Part> S3Target::parts_of(std::span<const std::string> tags) const {
  std::vector<S3Part> parts;
  for (std::uint32_t index = 0; index < tags.size(); ++index) {
    S3Tag tag = S3Tag::parse(tags[index]);
    parts.push_back({.number = index + 1,
                     .size = range(index).size,
                     .etag = std::move(tag.etag),
                     .checksum = std::move(tag.checksum)});
  }
  return parts;
}

Task<Status> S3Target::finish(Scope& scope, const FinishCall& call) const {
  S3Client client(call.client, *access_);
  client.count_retries(call.retries);
  Status done;
  if (multipart()) {
    std::vector<S3Part> parts = parts_of(call.tags);
    std::string whole = whole_checksum(object_->checksum, parts);
    done = co_await complete(scope, client, call, whole);
    if (done) done = co_await look_at(scope, client, whole, false);
  } else {
    S3Tag tag = S3Tag::parse(call.tags[0]);
    // A store that named our checksum has said all there is to know.
    if (!tag.confirmed) done = co_await look_at(scope, client, tag.checksum, false);
  }
  if (done) object_->stored = true;
  co_return done;
}

Task<Status> S3Target::complete(Scope& scope, S3Client& client, const FinishCall& call,
                                const std::string& whole) const {
  std::vector<S3Part> parts = parts_of(call.tags);
  Headers fields;
  if (object_->use.whole && !whole.empty() && full_object(object_->checksum)) {
    fields.set(checksum_field(object_->checksum), whole);
    fields.set("x-amz-checksum-type", checksum_type(object_->checksum));
  }
  if (object_->if_none_match) fields.set("if-none-match", "*");
  std::string body = complete_body(parts, object_->checksum, object_->use);
  Result<S3Completed> done =
      co_await client.complete(scope, object_->place, upload_, std::move(body), std::move(fields));
  if (!done) {
    Error error = std::move(done.error());
    // The answer to an earlier completion may have been lost.
    if (error.code != "no_such_upload") co_return fail(std::move(error));
    Status there = co_await look_at(scope, client, whole, true);
    if (there) co_return Status();
    co_return fail(std::move(error));
  }
  if (std::string theirs = done->checksum_of(object_->checksum);
      !theirs.empty() && !whole.empty() && theirs != whole) {
    Error error = make_error(ErrorClass::fail, "", "").at("complete");
    co_return fail(checksum_mismatch(std::move(error), whole, theirs));
  }
  co_return Status();
}

Task<Status> S3Target::look_at(Scope& scope, S3Client& client, const std::string& whole,
                               bool proof) const {
  Result<std::optional<S3Head>> head =
      co_await client.head(scope, object_->place, object_->use.known());
  if (!head) {
    // Who may write may not always read; then the store's answers have to do.
    if (head.error().code == "access_denied" && !proof) co_return Status();
    co_return fail(std::move(head.error()));
  }
  if (!*head) {
    co_return fail(
        make_error(ErrorClass::fail, "no_such_key", "the object is not there").at("head"));
  }
  const S3Head& found = **head;
  if (found.size != object_->size) {
    co_return fail(
        make_error(ErrorClass::fail, "size_mismatch",
                   fmt::format("the object has {} bytes, {} were sent", found.size, object_->size))
            .at("head")
            .hinting("look who else writes to it, then run the same command again"));
  }
  auto theirs = found.checksums.find(object_->checksum);
  bool known = theirs != found.checksums.end() && !whole.empty();
  if (!known && proof) {
    co_return fail(
        make_error(ErrorClass::fail, "no_such_key", "the object there may be another").at("head"));
  }
  if (known && theirs->second != whole) {
    Error error = make_error(ErrorClass::fail, "", "").at("head");
    co_return fail(checksum_mismatch(std::move(error), whole, theirs->second));
  }
  co_return Status();
}

// The client has put right what can be. Sent anew is what the store lost or took wrongly; that is
// done once, see the road.
AfterFinish S3Target::judge_finish(const Error& error) const {
  // A HEAD had its tries; a completion has one, and whether it was done shows at the next.
  bool lost = error.kind == ErrorClass::retry || error.code == "bad_answer";
  if (lost && error.stage != "head" && error.code != "checksum_mismatch") return AfterFinish::again;
  if (!multipart()) return AfterFinish::fail;
  bool refused =
      error.stage == "complete" && (error.code == "no_such_upload" || error.code == "bad_part");
  if (refused && object_->uploads_lost == 0) {
    object_->gone = true;
    return AfterFinish::anew;
  }
  return AfterFinish::fail;
}

}  // namespace headrace
