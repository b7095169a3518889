// CRC folding with the polynomial multiplication of aarch64: 8 vectors of 128 bits.
// Source: Arm Architecture Reference Manual, PMULL and PMULL2 on 64-bit elements.
#include "io/digest/crc_fold.h"

#if defined(__aarch64__)

#include <arm_neon.h>

namespace headrace {
namespace {

#define PMULL __attribute__((target("aes"), always_inline)) inline

PMULL uint64x2_t load(const std::byte* from) {
  return vreinterpretq_u64_u8(vld1q_u8(reinterpret_cast<const std::uint8_t*>(from)));
}
PMULL uint64x2_t multiply(std::uint64_t a, std::uint64_t b) {
  return vreinterpretq_u64_p128(vmull_p64(a, b));
}
PMULL uint64x2_t fold(uint64x2_t value, const CrcFoldPair& pair, uint64x2_t next) {
  uint64x2_t first = multiply(vgetq_lane_u64(value, 0), pair.first);
  uint64x2_t last = multiply(vgetq_lane_u64(value, 1), pair.last);
  return veorq_u64(veorq_u64(first, last), next);
}

#undef PMULL

}  // namespace

__attribute__((target("aes"))) std::size_t crc_fold_pmull(const CrcFolds& folds, std::uint64_t crc,
                                                          const std::byte* data, std::size_t size,
                                                          std::byte* remainder) {
  constexpr std::size_t vectors = 8;
  const std::byte* at = data;
  const std::byte* end = data + size;
  uint64x2_t values[vectors];
  for (std::size_t i = 0; i < vectors; ++i) values[i] = load(at + i * 16);
  values[0] = veorq_u64(values[0], vcombine_u64(vcreate_u64(crc), vcreate_u64(0)));
  at += vectors * 16;
  for (; end - at >= static_cast<std::ptrdiff_t>(vectors * 16); at += vectors * 16) {
#pragma clang loop unroll(full)
    for (std::size_t i = 0; i < vectors; ++i) {
      values[i] = fold(values[i], folds.over_1024, load(at + i * 16));
    }
  }
  for (std::size_t i = 1; i < vectors; ++i) {
    values[i] = fold(values[i - 1], folds.over_128, values[i]);
  }
  uint64x2_t value = values[vectors - 1];
  for (; end - at >= 16; at += 16) value = fold(value, folds.over_128, load(at));
  vst1q_u8(reinterpret_cast<std::uint8_t*>(remainder), vreinterpretq_u8_u64(value));
  return static_cast<std::size_t>(at - data);
}

}  // namespace headrace

#endif
