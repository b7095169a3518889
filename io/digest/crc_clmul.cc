// CRC folding with the carry-less multiplication of x86-64: 8 vectors of 128 bits, or 4 of 512.
// That many independent ones hide the latency of the multiplication.
#include "io/digest/crc_fold.h"

#if defined(__x86_64__)

#include <immintrin.h>

namespace headrace {
namespace {

#define CLMUL __attribute__((target("pclmul,sse4.1"), always_inline)) inline
#define VCLMUL __attribute__((target("vpclmulqdq,avx512f,pclmul"), always_inline)) inline

CLMUL __m128i pair_of(const CrcFoldPair& pair) {
  return _mm_set_epi64x(static_cast<long long>(pair.last), static_cast<long long>(pair.first));
}
CLMUL __m128i load(const std::byte* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}
CLMUL __m128i fold(__m128i value, __m128i pair, __m128i next) {
  __m128i first = _mm_clmulepi64_si128(value, pair, 0x00);
  __m128i last = _mm_clmulepi64_si128(value, pair, 0x11);
  return _mm_xor_si128(_mm_xor_si128(first, last), next);
}

VCLMUL __m512i load_512(const std::byte* from) { return _mm512_loadu_si512(from); }
VCLMUL __m512i fold_512(__m512i value, __m512i pair, __m512i next) {
  __m512i first = _mm512_clmulepi64_epi128(value, pair, 0x00);
  __m512i last = _mm512_clmulepi64_epi128(value, pair, 0x11);
  return _mm512_ternarylogic_epi64(first, last, next, 0x96);  // the exclusive or of all three
}

// The rest of `data` in steps of 16 bytes, then the remainder; returns where it stopped.
CLMUL const std::byte* finish(const CrcFolds& folds, __m128i value, const std::byte* at,
                              const std::byte* end, std::byte* remainder) {
  const __m128i over_128 = pair_of(folds.over_128);
  for (; end - at >= 16; at += 16) value = fold(value, over_128, load(at));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(remainder), value);
  return at;
}

#undef CLMUL
#undef VCLMUL

}  // namespace

__attribute__((target("pclmul,sse4.1"))) std::size_t crc_fold_pclmul(const CrcFolds& folds,
                                                                     std::uint64_t crc,
                                                                     const std::byte* data,
                                                                     std::size_t size,
                                                                     std::byte* remainder) {
  constexpr std::size_t vectors = 8;
  const std::byte* at = data;
  const std::byte* end = data + size;
  __m128i values[vectors];
  for (std::size_t i = 0; i < vectors; ++i) values[i] = load(at + i * 16);
  values[0] = _mm_xor_si128(values[0], _mm_cvtsi64_si128(static_cast<long long>(crc)));
  at += vectors * 16;
  const __m128i over_1024 = pair_of(folds.over_1024);
  for (; end - at >= static_cast<std::ptrdiff_t>(vectors * 16); at += vectors * 16) {
#pragma clang loop unroll(full)
    for (std::size_t i = 0; i < vectors; ++i) {
      values[i] = fold(values[i], over_1024, load(at + i * 16));
    }
  }
  const __m128i over_128 = pair_of(folds.over_128);
  for (std::size_t i = 1; i < vectors; ++i) values[i] = fold(values[i - 1], over_128, values[i]);
  at = finish(folds, values[vectors - 1], at, end, remainder);
  return static_cast<std::size_t>(at - data);
}

__attribute__((target("vpclmulqdq,avx512f,pclmul"))) std::size_t crc_fold_vpclmul(
    const CrcFolds& folds, std::uint64_t crc, const std::byte* data, std::size_t size,
    std::byte* remainder) {
  constexpr std::size_t vectors = 4;
  const std::byte* at = data;
  const std::byte* end = data + size;
  __m512i values[vectors];
  for (std::size_t i = 0; i < vectors; ++i) values[i] = load_512(at + i * 64);
  __m128i before = _mm_cvtsi64_si128(static_cast<long long>(crc));
  values[0] = _mm512_xor_si512(values[0], _mm512_zextsi128_si512(before));
  at += vectors * 64;
  const __m512i over_2048 = _mm512_broadcast_i32x4(pair_of(folds.over_2048));
  for (; end - at >= static_cast<std::ptrdiff_t>(vectors * 64); at += vectors * 64) {
#pragma clang loop unroll(full)
    for (std::size_t i = 0; i < vectors; ++i) {
      values[i] = fold_512(values[i], over_2048, load_512(at + i * 64));
    }
  }
  const __m512i over_512 = _mm512_broadcast_i32x4(pair_of(folds.over_512));
  for (std::size_t i = 1; i < vectors; ++i) {
    values[i] = fold_512(values[i - 1], over_512, values[i]);
  }
  __m512i wide = values[vectors - 1];
  for (; end - at >= 64; at += 64) wide = fold_512(wide, over_512, load_512(at));
  const __m128i over_128 = pair_of(folds.over_128);
  __m128i value = _mm512_extracti32x4_epi32(wide, 0);
  value = fold(value, over_128, _mm512_extracti32x4_epi32(wide, 1));
  value = fold(value, over_128, _mm512_extracti32x4_epi32(wide, 2));
  value = fold(value, over_128, _mm512_extracti32x4_epi32(wide, 3));
  at = finish(folds, value, at, end, remainder);
  return static_cast<std::size_t>(at - data);
}

}  // namespace headrace

#endif
