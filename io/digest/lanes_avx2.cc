// SHA-256 and MD5 in eight lanes of AVX2: for CPUs without SHA instructions, and for MD5.
#include "io/digest/kernel.h"
#include "io/digest/md5_tables.h"

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

namespace headrace {
namespace {
constexpr unsigned lanes = 8;
using Vector = std::uint32_t __attribute__((vector_size(32)));

__attribute__((always_inline)) inline Vector interleave_low(Vector a, Vector b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
__attribute__((always_inline)) inline Vector interleave_high(Vector a, Vector b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
}  // namespace
}  // namespace headrace

#include "io/digest/vector_lanes.h"

namespace headrace {

void sha256_avx2_8(std::uint32_t* const* states, const std::byte* const* data, std::size_t blocks) {
  sha256_lanes(states, data, blocks);
}
void md5_avx2_8(std::uint32_t* const* states, const std::byte* const* data, std::size_t blocks) {
  md5_lanes(states, data, blocks);
}

}  // namespace headrace

#pragma clang attribute pop

#endif
