// hmac.h: HMAC-SHA-256 (RFC 2104, FIPS 198-1), which signs requests to stores.
// Pure; any thread; no allocation.
#pragma once

#include "io/digest/sha256.h"

namespace headrace {

// A key of any length: one longer than a block stands for its digest.
DigestValue hmac_sha256(std::span<const std::byte> key, std::string_view message);

inline DigestValue hmac_sha256(std::string_view key, std::string_view message) {
  return hmac_sha256(std::as_bytes(std::span(key)), message);
}

}  // namespace headrace
