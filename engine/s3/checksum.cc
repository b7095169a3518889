#include "engine/s3/checksum.h"

#include <fmt/format.h>

#include "engine/base64.h"
#include "io/digest/crc.h"
#include "io/digest/sha256.h"

namespace headrace {
namespace {

struct Names {
  std::string_view name;
  std::string_view field;
  std::string_view element;
  std::string_view type;
  std::size_t bytes;
};

const Names& names_of(S3ChecksumKind kind) {
  static constexpr Names crc64 = {"CRC64NVME", "x-amz-checksum-crc64nvme", "ChecksumCRC64NVME",
                                  "FULL_OBJECT", 8};
  static constexpr Names crc32 = {"CRC32C", "x-amz-checksum-crc32c", "ChecksumCRC32C",
                                  "FULL_OBJECT", 4};
  static constexpr Names sha256 = {"SHA256", "x-amz-checksum-sha256", "ChecksumSHA256", "COMPOSITE",
                                   32};
  switch (kind) {
    case S3ChecksumKind::crc64nvme:
      return crc64;
    case S3ChecksumKind::crc32c:
      return crc32;
    case S3ChecksumKind::sha256:
      return sha256;
  }
  return crc64;
}

std::string_view text_of(const DigestValue& value) {
  return {reinterpret_cast<const char*>(value.bytes.data()), value.size};
}

std::uint64_t number_of(const DigestValue& value) {
  std::uint64_t number = 0;
  for (std::byte byte : value.span()) number = number << 8 | std::to_integer<std::uint64_t>(byte);
  return number;
}

DigestValue value_of(std::uint64_t number, std::size_t size) {
  DigestValue value;
  value.size = size;
  for (std::size_t i = 0; i < size; ++i) {
    value.bytes[i] = static_cast<std::byte>(number >> (8 * (size - 1 - i)));
  }
  return value;
}

std::uint64_t combined(S3ChecksumKind kind, std::uint64_t a, std::uint64_t b, std::uint64_t size) {
  if (kind == S3ChecksumKind::crc64nvme) return crc64_nvme_combine(a, b, size);
  return crc32c_combine(static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b), size);
}

}  // namespace

std::string_view checksum_name(S3ChecksumKind kind) { return names_of(kind).name; }
std::string_view checksum_field(S3ChecksumKind kind) { return names_of(kind).field; }
std::string_view checksum_element(S3ChecksumKind kind) { return names_of(kind).element; }
std::string_view checksum_type(S3ChecksumKind kind) { return names_of(kind).type; }

std::unique_ptr<Digest> digest_of(S3ChecksumKind kind) {
  switch (kind) {
    case S3ChecksumKind::crc64nvme:
      return std::make_unique<Crc64Nvme>();
    case S3ChecksumKind::crc32c:
      return std::make_unique<Crc32c>();
    case S3ChecksumKind::sha256:
      return std::make_unique<Sha256>();
  }
  return nullptr;
}

std::string checksum_text(const DigestValue& value) { return base64_encode(text_of(value)); }

std::size_t checksum_text_size(S3ChecksumKind kind) { return base64_size(names_of(kind).bytes); }

std::optional<DigestValue> checksum_value(S3ChecksumKind kind, std::string_view text) {
  const std::optional<std::string> bytes = base64_decode(text);
  if (!bytes || bytes->size() != names_of(kind).bytes) return std::nullopt;
  DigestValue value;
  value.size = bytes->size();
  for (std::size_t i = 0; i < bytes->size(); ++i) {
    value.bytes[i] = static_cast<std::byte>((*bytes)[i]);
  }
  return value;
}

std::string whole_checksum(S3ChecksumKind kind, std::span<const S3Part> parts) {
  const bool composite = kind == S3ChecksumKind::sha256;
  Sha256 of_digests;
  std::uint64_t of_bytes = 0;  // an empty message has 0
  for (const S3Part& part : parts) {
    const std::optional<DigestValue> value = checksum_value(kind, part.checksum);
    if (!value) return {};
    if (composite) {
      of_digests.update(value->span());
    } else {
      of_bytes = combined(kind, of_bytes, number_of(*value), part.size);
    }
  }
  if (!composite) return checksum_text(value_of(of_bytes, names_of(kind).bytes));
  return fmt::format("{}-{}", checksum_text(of_digests.finish()), parts.size());
}

Error checksum_mismatch(Error error, std::string_view ours, std::string_view theirs) {
  error.kind = ErrorClass::retry;
  error.code = "checksum_mismatch";
  error.message =
      fmt::format("the store has other bytes than were sent: its checksum is {}, ours {}",
                  redact_text(theirs, 100), ours);
  error.hint = "run the same command again; if it comes back, look at the memory of both machines";
  return error;
}

std::string_view name_of(S3ChecksumWay way) {
  switch (way) {
    case S3ChecksumWay::trailer:
      return "trailer";
    case S3ChecksumWay::header:
      return "header";
    case S3ChecksumWay::none:
      return "none";
  }
  return "none";
}

}  // namespace headrace
