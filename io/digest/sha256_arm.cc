// SHA-256 with the SHA2 instructions of aarch64: one stream, and two interleaved.
// Source: Arm Architecture Reference Manual, SHA256H, SHA256H2, SHA256SU0, SHA256SU1.
#include "io/digest/kernel.h"

#if defined(__aarch64__)

#include <arm_neon.h>

namespace headrace {
namespace {

#define SHA2 __attribute__((target("sha2"), always_inline)) inline

SHA2 uint32x4_t load_words(const std::byte* data) {
  return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(data))));
}

template <std::size_t streams>
SHA2 void compress(std::uint32_t* const* states, const std::byte* const* data, std::size_t blocks) {
  uint32x4_t abcd[streams];
  uint32x4_t efgh[streams];
  for (std::size_t s = 0; s < streams; ++s) {
    abcd[s] = vld1q_u32(states[s]);
    efgh[s] = vld1q_u32(states[s] + 4);
  }
  for (std::size_t block = 0; block < blocks; ++block) {
    uint32x4_t abcd_before[streams];
    uint32x4_t efgh_before[streams];
    uint32x4_t words[streams][4];
    for (std::size_t s = 0; s < streams; ++s) {
      abcd_before[s] = abcd[s];
      efgh_before[s] = efgh[s];
    }
#pragma clang loop unroll(full)
    for (std::size_t i = 0; i < 16; ++i) {
      const uint32x4_t k = vld1q_u32(sha256_constants + i * 4);
#pragma clang loop unroll(full)
      for (std::size_t s = 0; s < streams; ++s) {
        uint32x4_t* w = words[s];
        if (i < 4) {
          w[i] = load_words(data[s] + block * digest_block_bytes + i * 16);
        } else {
          w[i % 4] = vsha256su1q_u32(vsha256su0q_u32(w[i % 4], w[(i + 1) % 4]), w[(i + 2) % 4],
                                     w[(i + 3) % 4]);
        }
        uint32x4_t round_words = vaddq_u32(w[i % 4], k);
        uint32x4_t before = abcd[s];
        abcd[s] = vsha256hq_u32(abcd[s], efgh[s], round_words);
        efgh[s] = vsha256h2q_u32(efgh[s], before, round_words);
      }
    }
    for (std::size_t s = 0; s < streams; ++s) {
      abcd[s] = vaddq_u32(abcd[s], abcd_before[s]);
      efgh[s] = vaddq_u32(efgh[s], efgh_before[s]);
    }
  }
  for (std::size_t s = 0; s < streams; ++s) {
    vst1q_u32(states[s], abcd[s]);
    vst1q_u32(states[s] + 4, efgh[s]);
  }
}

#undef SHA2

}  // namespace

__attribute__((target("sha2"))) void sha256_arm_1(std::uint32_t* const* states,
                                                  const std::byte* const* data,
                                                  std::size_t blocks) {
  compress<1>(states, data, blocks);
}

__attribute__((target("sha2"))) void sha256_arm_2(std::uint32_t* const* states,
                                                  const std::byte* const* data,
                                                  std::size_t blocks) {
  compress<2>(states, data, blocks);
}

}  // namespace headrace

#endif
