// SHA-256 and MD5 in sixteen lanes of AVX-512.
#include "io/digest/kernel.h"
#include "io/digest/md5_tables.h"

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw"))), apply_to = function)

namespace headrace {
namespace {
constexpr unsigned lanes = 16;
using Vector = std::uint32_t __attribute__((vector_size(64)));

__attribute__((always_inline)) inline Vector interleave_low(Vector a, Vector b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
__attribute__((always_inline)) inline Vector interleave_high(Vector a, Vector b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                 31);
}
}  // namespace
}  // namespace headrace

#include "io/digest/vector_lanes.h"

namespace headrace {

void sha256_avx512_16(std::uint32_t* const* states, const std::byte* const* data,
                      std::size_t blocks) {
  sha256_lanes(states, data, blocks);
}
void md5_avx512_16(std::uint32_t* const* states, const std::byte* const* data, std::size_t blocks) {
  md5_lanes(states, data, blocks);
}

}  // namespace headrace

#pragma clang attribute pop

#endif
