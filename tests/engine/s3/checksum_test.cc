// checksum_test.cc: values that S3 publishes, and those of parts against the whole.
#include "engine/s3/checksum.h"

#include <vector>

#include <doctest/doctest.h>

#include "engine/base64.h"
#include "io/digest/sha256.h"
#include "tests/support/random_bytes.h"

namespace headrace {
namespace {

std::string checksum_of(S3ChecksumKind kind, std::string_view text) {
  const std::unique_ptr<Digest> digest = digest_of(kind);
  digest->update(text);
  return checksum_text(digest->finish());
}

}  // namespace

TEST_CASE("checksums as S3 writes them") {
  CHECK(checksum_of(S3ChecksumKind::crc64nvme, "123456789") == "rosUhgp5mIg=");
  CHECK(checksum_of(S3ChecksumKind::crc32c, "123456789") == "4waSgw==");
  CHECK(checksum_of(S3ChecksumKind::sha256, "") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  CHECK(checksum_of(S3ChecksumKind::crc64nvme, "") == "AAAAAAAAAAA=");
  for (S3ChecksumKind kind : s3_checksum_kinds) {
    const std::string text = checksum_of(kind, "bytes");
    CHECK(text.size() == checksum_text_size(kind));
    const auto value = checksum_value(kind, text);
    REQUIRE(value.has_value());
    CHECK(checksum_text(*value) == text);
    CHECK_FALSE(checksum_value(kind, text + "-2").has_value());
    CHECK_FALSE(checksum_value(kind, "").has_value());
    CHECK_FALSE(checksum_value(kind, text.substr(1)).has_value());
    CHECK_FALSE(checksum_value(kind, "AAAA").has_value());
  }
  CHECK(checksum_name(S3ChecksumKind::crc64nvme) == "CRC64NVME");
  CHECK(checksum_field(S3ChecksumKind::crc32c) == "x-amz-checksum-crc32c");
  CHECK(checksum_element(S3ChecksumKind::sha256) == "ChecksumSHA256");
}

TEST_CASE("the checksum of a whole, by those of its parts") {
  const std::string bytes = random_bytes(5, 100'000);
  for (S3ChecksumKind kind : s3_checksum_kinds) {
    CAPTURE(checksum_name(kind));
    std::vector<S3Part> parts;
    std::string digests;
    for (std::size_t at = 0; at < bytes.size(); at += 30'001) {
      const std::string piece = bytes.substr(at, 30'001);
      parts.push_back({.number = static_cast<std::uint32_t>(parts.size() + 1),
                       .size = piece.size(),
                       .etag = "e",
                       .checksum = checksum_of(kind, piece)});
      digests += base64_decode(parts.back().checksum).value();
    }
    const std::string whole = whole_checksum(kind, parts);
    if (checksum_type(kind) == "FULL_OBJECT") {
      CHECK(whole == checksum_of(kind, bytes));
    } else {
      CHECK(whole == checksum_text(sha256_of(digests)) + "-4");
    }
    parts[2].checksum.clear();
    CHECK(whole_checksum(kind, parts).empty());
  }
}

TEST_CASE("a mismatch names both and may be tried again") {
  const Error error = checksum_mismatch(make_error(ErrorClass::fail, "http_status", "x").at("part"),
                                        "AA==", "BB==");
  CHECK(error.code == "checksum_mismatch");
  CHECK(error.kind == ErrorClass::retry);
  CHECK(error.stage == "part");
  CHECK(error.message.contains("AA=="));
  CHECK(error.message.contains("BB=="));
}

TEST_CASE("base64 there and back") {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string bytes = random_bytes(size, size);
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
  }
  for (const char* bad : {"A", "AA", "AAA", "AA=", "AAA==", "AB==", "A===", "====", "AA==AA==",
                          "A A=", "AAAA\n", "_-AA"}) {
    CAPTURE(bad);
    CHECK_FALSE(base64_decode(bad).has_value());
  }
}

}  // namespace headrace
