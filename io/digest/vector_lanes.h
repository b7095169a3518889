// vector_lanes.h: SHA-256 and MD5 with one stream in each 32-bit lane of a vector.
//
// Only for lanes_avx2.cc and lanes_avx512.cc, which include it once, inside the target
// attribute that their vectors need; so it includes nothing itself. The arithmetic is written on
// the compiler's vector types: rotations and three-operand logic become single instructions where
// the target has them.
#pragma once

namespace headrace {
namespace {

#define LANES_INLINE __attribute__((always_inline)) inline

LANES_INLINE Vector rotate_right(Vector x, int by) { return (x >> by) | (x << (32 - by)); }
LANES_INLINE Vector rotate_left(Vector x, int by) { return (x << by) | (x >> (32 - by)); }
LANES_INLINE Vector byte_swap(Vector x) {
  return (rotate_left(x, 8) & 0x00ff00ff) | (rotate_right(x, 8) & 0xff00ff00);
}

LANES_INLINE Vector load(const void* from) {
  Vector value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

// Row l of `rows` holds words of lane l; afterwards row w holds word w of every lane. Each pass is
// a perfect shuffle of rows, log2(lanes) of them are a transposition.
LANES_INLINE void transpose(Vector* rows) {
#pragma clang loop unroll(full)
  for (unsigned pass = 1; pass < lanes; pass *= 2) {
    Vector shuffled[lanes];
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < lanes / 2; ++i) {
      shuffled[2 * i] = interleave_low(rows[i], rows[i + lanes / 2]);
      shuffled[2 * i + 1] = interleave_high(rows[i], rows[i + lanes / 2]);
    }
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < lanes; ++i) rows[i] = shuffled[i];
  }
}

// The sixteen words of one block, each as a vector over the lanes.
LANES_INLINE void load_block(const std::byte* const* data, std::size_t offset, Vector* words) {
#pragma clang loop unroll(full)
  for (unsigned group = 0; group < 16 / lanes; ++group) {
    Vector* rows = words + group * lanes;
#pragma clang loop unroll(full)
    for (unsigned l = 0; l < lanes; ++l) rows[l] = load(data[l] + offset + group * sizeof(Vector));
    transpose(rows);
  }
}

template <unsigned count>
LANES_INLINE void load_states(std::uint32_t* const* states, Vector* words) {
  for (unsigned w = 0; w < count; ++w) {
    for (unsigned l = 0; l < lanes; ++l) words[w][l] = states[l][w];
  }
}
template <unsigned count>
LANES_INLINE void store_states(std::uint32_t* const* states, const Vector* words) {
  for (unsigned w = 0; w < count; ++w) {
    for (unsigned l = 0; l < lanes; ++l) states[l][w] = words[w][l];
  }
}

LANES_INLINE Vector next_word(const Vector* words, unsigned i) {
  Vector old = words[(i + 1) % 16];
  Vector young = words[(i + 14) % 16];
  Vector sigma0 = rotate_right(old, 7) ^ rotate_right(old, 18) ^ (old >> 3);
  Vector sigma1 = rotate_right(young, 17) ^ rotate_right(young, 19) ^ (young >> 10);
  return words[i % 16] + sigma0 + words[(i + 9) % 16] + sigma1;
}

void sha256_lanes(std::uint32_t* const* states, const std::byte* const* data, std::size_t blocks) {
  Vector h[8];
  load_states<8>(states, h);
  for (std::size_t block = 0; block < blocks; ++block) {
    Vector words[16];
    load_block(data, block * digest_block_bytes, words);
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < 16; ++i) words[i] = byte_swap(words[i]);
    // v[(8 + n - i) % 8] is the n-th of the letters a to h in round i: they move by one a round.
    Vector v[8];
    for (unsigned n = 0; n < 8; ++n) v[n] = h[n];
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < 64; ++i) {
      const unsigned a = (64 - i) % 8;
      Vector& va = v[a];
      Vector& vb = v[(a + 1) % 8];
      Vector& vc = v[(a + 2) % 8];
      Vector& ve = v[(a + 4) % 8];
      Vector& vh = v[(a + 7) % 8];
      if (i >= 16) words[i % 16] = next_word(words, i);
      Vector sum1 = rotate_right(ve, 6) ^ rotate_right(ve, 11) ^ rotate_right(ve, 25);
      Vector choice = (ve & v[(a + 5) % 8]) | (~ve & v[(a + 6) % 8]);
      Vector t1 = vh + sum1 + choice + (words[i % 16] + sha256_constants[i]);
      Vector sum0 = rotate_right(va, 2) ^ rotate_right(va, 13) ^ rotate_right(va, 22);
      Vector majority = (va & vb) | (vc & (va | vb));
      v[(a + 3) % 8] += t1;
      vh = t1 + sum0 + majority;
    }
    for (unsigned n = 0; n < 8; ++n) h[n] += v[n];
  }
  store_states<8>(states, h);
}

template <unsigned round>
LANES_INLINE Vector md5_mix(Vector b, Vector c, Vector d) {
  if constexpr (round == 0) return (b & c) | (~b & d);
  else if constexpr (round == 1) return (d & b) | (~d & c);
  else if constexpr (round == 2) return b ^ c ^ d;
  else return c ^ (b | ~d);
}

template <unsigned round>
LANES_INLINE void md5_round(Vector* v, const Vector* words) {
#pragma clang loop unroll(full)
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned a = (16 - i) % 4;
    Vector& va = v[a];
    Vector vb = v[(a + 1) % 4];
    Vector sum = va + md5_mix<round>(vb, v[(a + 2) % 4], v[(a + 3) % 4]) +
                 (words[md5_word(round, i)] + md5_constants[round * 16 + i]);
    va = vb + rotate_left(sum, md5_shifts[round * 4 + i % 4]);
  }
}

void md5_lanes(std::uint32_t* const* states, const std::byte* const* data, std::size_t blocks) {
  Vector h[4];
  load_states<4>(states, h);
  for (std::size_t block = 0; block < blocks; ++block) {
    Vector words[16];
    load_block(data, block * digest_block_bytes, words);
    Vector v[4] = {h[0], h[1], h[2], h[3]};
    md5_round<0>(v, words);
    md5_round<1>(v, words);
    md5_round<2>(v, words);
    md5_round<3>(v, words);
    for (unsigned n = 0; n < 4; ++n) h[n] += v[n];
  }
  store_states<4>(states, h);
}

#undef LANES_INLINE

}  // namespace
}  // namespace headrace
