// checksum.h: the checksums that S3 knows, as it writes them, over parts and over the whole, and
// how they travel.
//
// CRC64-NVME and CRC32C of parts combine into that of the whole (FULL_OBJECT). SHA-256 does not:
// that of an object in parts is the digest of the parts' digests, and "-N" behind it (COMPOSITE).
// Pure; any thread. Source: the S3 API reference, "Checking object integrity in Amazon S3".
// Fails with: checksum_mismatch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "io/digest/digest.h"
#include "io/error.h"

namespace headrace {

enum class S3ChecksumKind : std::uint8_t { crc64nvme, crc32c, sha256 };
inline constexpr S3ChecksumKind s3_checksum_kinds[] = {
    S3ChecksumKind::crc64nvme, S3ChecksumKind::crc32c, S3ChecksumKind::sha256};

std::string_view checksum_name(S3ChecksumKind kind);     // CRC64NVME
std::string_view checksum_field(S3ChecksumKind kind);    // x-amz-checksum-crc64nvme
std::string_view checksum_element(S3ChecksumKind kind);  // ChecksumCRC64NVME
std::string_view checksum_type(S3ChecksumKind kind);     // FULL_OBJECT or COMPOSITE, in parts
std::unique_ptr<Digest> digest_of(S3ChecksumKind kind);
// In base64, as it stands in fields and elements.
std::string checksum_text(const DigestValue& value);
std::size_t checksum_text_size(S3ChecksumKind kind);
// Nothing where it is not one of that kind; a composite one ("…-3") is none either.
std::optional<DigestValue> checksum_value(S3ChecksumKind kind, std::string_view text);

struct S3Part {
  std::uint32_t number = 0;
  std::uint64_t size = 0;
  std::string etag;
  std::string checksum;  // in base64; empty: none is known
};

// What an object of these parts has, empty if one of them has none.
std::string whole_checksum(S3ChecksumKind kind, std::span<const S3Part> parts);

// `error` says where; what disagrees is added. Class retry.
Error checksum_mismatch(Error error, std::string_view ours, std::string_view theirs);

// Where the checksum of a part stands.
enum class S3ChecksumWay : std::uint8_t {
  trailer,  // behind the bytes, in an aws-chunked body; before them where they are known anyway
  header,   // before the bytes where they are known anyway, else nowhere
  none,
};
std::string_view name_of(S3ChecksumWay way);

// All that a store is told of checksums.
struct S3ChecksumUse {
  S3ChecksumWay part_way = S3ChecksumWay::trailer;
  bool declared = true;      // beginning an upload names kind and type
  bool parts_listed = true;  // completing it names those of the parts
  bool whole = true;         // and that of the whole, if its type is FULL_OBJECT
  std::string why;           // for -v: what it was chosen by

  // Whether it knows the fields at all: some stores refuse a request for one of them.
  bool known() const { return part_way != S3ChecksumWay::none || declared || whole; }
  bool operator==(const S3ChecksumUse&) const = default;
};

}  // namespace headrace
