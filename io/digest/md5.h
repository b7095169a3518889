// md5.h: MD5 (RFC 1321), only because stores answer with it: the ETag of a part that was sent
// unencrypted is its MD5. Nothing that must be hard to forge may lean on it. Contract: digest.h,
// and for lanes block_digest.h; one stream alone is slow (0.6 GiB/s), sixteen are not.
#pragma once

#include "io/digest/block_digest.h"
#include "io/digest/md5_tables.h"

namespace headrace {

class Md5 final : public BlockDigest {
 public:
  Md5() : BlockDigest(md5_kernels(), md5_initial, WordOrder::little) {}
};

inline DigestValue md5_of(std::string_view text) {
  Md5 digest;
  digest.update(text);
  return digest.finish();
}

}  // namespace headrace
