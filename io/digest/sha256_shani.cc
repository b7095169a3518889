// SHA-256 with the SHA instructions of x86-64: one stream, two interleaved, two over the same data.
//
// SHA256RNDS2 does two rounds and has a latency of several cycles; one stream spends most of its
// time waiting for it. Two independent streams in one thread fill each other's gaps.
#include "io/digest/kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

namespace headrace {
namespace {

#define SHANI __attribute__((target("sha,sse4.1,ssse3"), always_inline)) inline

// The two halves of a state as the instructions want them.
struct Halves {
  __m128i abef;
  __m128i cdgh;
};

SHANI Halves load_state(const std::uint32_t* state) {
  __m128i dcba = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state));
  __m128i hgfe = _mm_loadu_si128(reinterpret_cast<const __m128i*>(state + 4));
  __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
  __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
  return {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
}

SHANI void store_state(std::uint32_t* state, Halves halves) {
  __m128i feba = _mm_shuffle_epi32(halves.abef, 0x1b);
  __m128i dchg = _mm_shuffle_epi32(halves.cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

// Four words of the message, in the machine's byte order.
SHANI __m128i load_words(const std::byte* data) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data)), big_endian);
}

// words[i] for i >= 4 in place of words[i - 4]: sixteen words are alive, four in each vector.
SHANI void extend(__m128i* words, std::size_t i) {
  __m128i last = words[(i + 3) % 4];
  __m128i middle = _mm_alignr_epi8(last, words[(i + 2) % 4], 4);
  __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(words[i % 4], words[(i + 1) % 4]), middle);
  words[i % 4] = _mm_sha256msg2_epu32(sum, last);
}

// `streams` states over `schedules` streams of data: both the same, or 2 over 1.
template <std::size_t streams, std::size_t schedules>
SHANI void compress(std::uint32_t* const* states, const std::byte* const* data,
                    std::size_t blocks) {
  Halves now[streams];
  const std::byte* at[schedules];
  for (std::size_t s = 0; s < streams; ++s) now[s] = load_state(states[s]);
  for (std::size_t s = 0; s < schedules; ++s) at[s] = data[s];
  for (; blocks > 0; --blocks) {
    Halves before[streams];
    __m128i words[schedules][4];
    for (std::size_t s = 0; s < streams; ++s) before[s] = now[s];
#pragma clang loop unroll(full)
    for (std::size_t i = 0; i < 16; ++i) {
      const __m128i k = _mm_load_si128(reinterpret_cast<const __m128i*>(sha256_constants + i * 4));
      __m128i round_words[schedules];
#pragma clang loop unroll(full)
      for (std::size_t s = 0; s < schedules; ++s) {
        if (i < 4) words[s][i] = load_words(at[s] + i * 16);
        else extend(words[s], i);
        round_words[s] = _mm_add_epi32(words[s][i % 4], k);
      }
#pragma clang loop unroll(full)
      for (std::size_t s = 0; s < streams; ++s) {
        now[s].cdgh = _mm_sha256rnds2_epu32(now[s].cdgh, now[s].abef, round_words[s % schedules]);
      }
#pragma clang loop unroll(full)
      for (std::size_t s = 0; s < streams; ++s) {
        __m128i high = _mm_shuffle_epi32(round_words[s % schedules], 0x0e);
        now[s].abef = _mm_sha256rnds2_epu32(now[s].abef, now[s].cdgh, high);
      }
    }
    for (std::size_t s = 0; s < streams; ++s) {
      now[s].abef = _mm_add_epi32(now[s].abef, before[s].abef);
      now[s].cdgh = _mm_add_epi32(now[s].cdgh, before[s].cdgh);
    }
    for (std::size_t s = 0; s < schedules; ++s) at[s] += digest_block_bytes;
  }
  for (std::size_t s = 0; s < streams; ++s) store_state(states[s], now[s]);
}

#undef SHANI

}  // namespace

__attribute__((target("sha,sse4.1,ssse3"))) void sha256_shani_1(std::uint32_t* const* states,
                                                                const std::byte* const* data,
                                                                std::size_t blocks) {
  compress<1, 1>(states, data, blocks);
}

__attribute__((target("sha,sse4.1,ssse3"))) void sha256_shani_2(std::uint32_t* const* states,
                                                                const std::byte* const* data,
                                                                std::size_t blocks) {
  compress<2, 2>(states, data, blocks);
}

__attribute__((target("sha,sse4.1,ssse3"))) void sha256_shani_same(std::uint32_t* const* states,
                                                                   const std::byte* const* data,
                                                                   std::size_t blocks) {
  compress<2, 1>(states, data, blocks);
}

}  // namespace headrace

#endif
