// parcel.h: S3Parcel, a part or a whole object packed with its checksum.
//
// The checksum is computed over the bytes as they go, in the pass that sends them. How it travels:
// bytes that are in the arena carry it in a field before them; bytes that are read while they are
// sent carry it behind them, in the trailer of an aws-chunked body, or not at all if the store
// takes none. In each case it is part of the tag that a confirmation gives, and what the store says
// it got is compared with it.
// Source: the S3 API reference, "Checking object integrity" and "Signature calculations … chunked
// uploads with trailing headers".
// Fails with: checksum_mismatch (retry).
#pragma once

#include "engine/s3/checksum.h"
#include "engine/target.h"

namespace headrace {

// What a confirmed part is remembered by, as one text for the ledger.
struct S3Tag {
  std::string etag;
  std::string checksum;    // base64 of ours, empty if none was computed
  bool confirmed = false;  // the store named the same

  std::string text() const;
  static S3Tag parse(std::string_view text);
};

class S3Parcel final : public Parcel, private RangeSource, private BodyProducer {
 public:
  S3Parcel(const Target& target, PartRequest what, const PartContent& content, S3ChecksumKind kind,
           S3ChecksumWay way);

  // What the signature has to say of the body.
  std::string payload(bool is_unsigned) const;

  Result<std::string> judge(const HttpAnswer& answer, Error as_it_stands,
                            std::int64_t now) const override;

 private:
  void pack_known(std::span<const Slice> slices);
  void pack_chunked();
  void pack_plain();
  void see(std::span<const std::byte> bytes);
  std::string checksum() const;

  // As the source of its own body: the bytes pass through here.
  Task<Result<std::size_t>> read(Scope& scope, std::uint64_t offset,
                                 std::span<std::byte> into) override;
  // As the producer of its trailer.
  std::uint64_t size() const override;
  Task<Result<Piece>> next(Scope& scope) override;
  Status rewind() override;

  const S3ChecksumKind kind_;
  const PartContent content_;
  bool chunked_ = false;
  std::unique_ptr<Digest> digest_;  // null: no checksum
  std::string value_;               // once all bytes were seen
  std::uint64_t seen_ = 0;
  std::string trailer_;
};

}  // namespace headrace
