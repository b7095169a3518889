#include "io/digest/hmac.h"

#include <algorithm>

namespace headrace {
namespace {

using KeyBlock = std::array<std::byte, digest_block_bytes>;

// The digest of a block that is the key under a mask, and of what follows.
DigestValue masked(KeyBlock key, std::byte mask, std::span<const std::byte> message) {
  for (std::byte& byte : key) byte ^= mask;
  Sha256 digest;
  digest.update(key);
  digest.update(message);
  return digest.finish();
}

}  // namespace

DigestValue hmac_sha256(std::span<const std::byte> key, std::string_view message) {
  KeyBlock block{};
  if (key.size() > block.size()) {
    Sha256 digest;
    digest.update(key);
    std::ranges::copy(digest.finish().span(), block.begin());
  } else {
    std::ranges::copy(key, block.begin());
  }
  const DigestValue inner = masked(block, std::byte{0x36}, std::as_bytes(std::span(message)));
  return masked(block, std::byte{0x5c}, inner.span());
}

}  // namespace headrace
