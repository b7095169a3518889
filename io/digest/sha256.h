// sha256.h: SHA-256 (FIPS 180-4), the name of every LFS object. Contract: digest.h, and for lanes
// block_digest.h.
#pragma once

#include "io/digest/block_digest.h"

namespace headrace {

class Sha256 final : public BlockDigest {
 public:
  Sha256() : BlockDigest(sha256_kernels(), sha256_initial, WordOrder::big) {}
};

// The digest of one piece.
inline DigestValue sha256_of(std::string_view text) {
  Sha256 digest;
  digest.update(text);
  return digest.finish();
}

}  // namespace headrace
