// sha256.h: SHA-256 (FIPS 180-4), the name of every LFS object. Contract: digest.h.
#pragma once

#include "io/digest/evp.h"

namespace headrace {

class Sha256 final : public Digest {
 public:
  using Digest::update;
  void update(std::span<const std::byte> bytes) override { context_.update(bytes); }
  DigestValue finish() override { return context_.finish(); }

 private:
  EvpContext context_{sha256_algorithm()};
};

// The digest of one piece.
inline DigestValue sha256_of(std::string_view text) {
  Sha256 digest;
  digest.update(text);
  return digest.finish();
}

}  // namespace headrace
