#include "engine/s3/parcel.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/s3/sigv4.h"
#include "io/digest/sha256.h"

namespace headrace {
namespace {

// Of an aws-chunked body. MinIO takes 16 MiB at most; each costs one read that nothing overlaps.
constexpr std::uint64_t chunk_size_max = 8ULL << 20;

}  // namespace

std::string S3Tag::text() const {
  return checksum.empty() ? etag : fmt::format("{} {}{}", etag, checksum, confirmed ? " +" : "");
}

S3Tag S3Tag::parse(std::string_view text) {
  S3Tag tag;
  tag.confirmed = text.ends_with(" +");
  if (tag.confirmed) text.remove_suffix(2);
  // An entity tag ends with a quote, what stands behind a blank after it is ours.
  std::size_t blank = text.ends_with('"') ? std::string_view::npos : text.rfind(' ');
  tag.etag = text.substr(0, blank);
  if (blank != std::string_view::npos) tag.checksum = text.substr(blank + 1);
  return tag;
}

S3Parcel::S3Parcel(const Target& target, PartRequest what, const PartContent& content,
                   S3ChecksumKind kind, S3ChecksumWay way)
    : Parcel(target, std::move(what)), kind_(kind), content_(content), digest_(digest_of(kind)) {
  if (!content.slices.empty() || content.range.size == 0) {
    pack_known(content.slices);
    if (digest_ && way != S3ChecksumWay::none) {
      request.headers.set(checksum_field(kind_), value_);
    }
  } else if (digest_ && way == S3ChecksumWay::trailer) {
    pack_chunked();
  } else {
    pack_plain();
  }
}

void S3Parcel::pack_known(std::span<const Slice> slices) {
  add_content(body, content_);
  if (!digest_) return;
  for (const Slice& slice : slices) digest_->update(slice.bytes());
  value_ = checksum_text(digest_->finish());
}

void S3Parcel::pack_plain() {
  Body::Range range = content_.range;
  range.source = this;
  body.add(range);
}

// SIZE in hexadecimal, the bytes, for each chunk; then one of no size, and the trailer.
void S3Parcel::pack_chunked() {
  chunked_ = true;
  const Body::Range& all = content_.range;
  std::string before;
  for (std::uint64_t done = 0; done < all.size;) {
    Body::Range chunk = all;
    chunk.source = this;
    chunk.offset += done;
    chunk.size = std::min(chunk_size_max, all.size - done);
    body.add(fmt::format("{}{:x}\r\n", before, chunk.size));
    body.add(chunk);
    before = "\r\n";
    done += chunk.size;
  }
  body.add("\r\n0\r\n");
  body.add(*this);
  request.headers.set("content-encoding", "aws-chunked");
  request.headers.set("x-amz-decoded-content-length", std::to_string(all.size));
  request.headers.set("x-amz-trailer", checksum_field(kind_));
}

std::string S3Parcel::payload(bool is_unsigned) const {
  if (chunked_) return std::string(payload_unsigned_trailer);
  if (is_unsigned) return std::string(payload_unsigned);
  Sha256 digest;
  for (const Slice& slice : content_.slices) digest.update(slice.bytes());
  return digest.finish().hex();
}

void S3Parcel::see(std::span<const std::byte> bytes) {
  digest_->update(bytes);
  seen_ += bytes.size();
  if (seen_ == content_.range.size) value_ = checksum_text(digest_->finish());
}

Task<Result<std::size_t>> S3Parcel::read(Scope& scope, std::uint64_t offset,
                                         std::span<std::byte> into) {
  if (offset == content_.range.offset && seen_ > 0) {
    // The body is sent once more, from its beginning.
    if (digest_) digest_ = digest_of(kind_);
    seen_ = 0;
  }
  Result<std::size_t> got = co_await content_.range.source->read(scope, offset, into);
  if (got && digest_) see(into.first(*got));
  co_return got;
}

std::uint64_t S3Parcel::size() const {
  return checksum_field(kind_).size() + 1 + checksum_text_size(kind_) + 4;
}

Status S3Parcel::rewind() {
  trailer_.clear();
  return {};
}

Task<Result<Piece>> S3Parcel::next(Scope&) {
  if (!trailer_.empty()) co_return Piece();
  CHECK(!value_.empty());
  trailer_ = fmt::format("{}:{}\r\n\r\n", checksum_field(kind_), value_);
  co_return Piece{.bytes = std::as_bytes(std::span(trailer_)), .hold = Slice()};
}

Result<std::string> S3Parcel::judge(const HttpAnswer& answer, Error as_it_stands,
                                    std::int64_t now) const {
  Error mismatch = as_it_stands;
  Result<std::string> etag = Parcel::judge(answer, std::move(as_it_stands), now);
  if (!etag || !digest_) return etag;
  S3Tag tag{.etag = std::move(*etag), .checksum = value_};
  if (std::optional<std::string_view> theirs = answer.headers.find(checksum_field(kind_))) {
    tag.confirmed = *theirs == tag.checksum;
    if (!tag.confirmed) return fail(checksum_mismatch(std::move(mismatch), tag.checksum, *theirs));
  }
  return tag.text();
}

}  // namespace headrace
