// evp.h: one message digest of libcrypto, kept from its includers.
//
// The algorithm is fetched once per process (a fetch takes a lock and a search through the
// providers, 0.5 us and more) and the context once per object. Breaks an invariant if libcrypto
// refuses: SHA-1 is in every provider this builds against.
#pragma once

#include "io/digest/digest.h"

struct evp_md_st;
struct evp_md_ctx_st;

namespace headrace {

const evp_md_st& sha1_algorithm();

class EvpContext {
 public:
  explicit EvpContext(const evp_md_st& algorithm);
  ~EvpContext();
  EvpContext(const EvpContext&) = delete;
  EvpContext& operator=(const EvpContext&) = delete;

  void update(std::span<const std::byte> bytes);
  // The value, and back to the beginning.
  DigestValue finish();

 private:
  void restart();

  const evp_md_st& algorithm_;
  evp_md_ctx_st* context_;
};

}  // namespace headrace
