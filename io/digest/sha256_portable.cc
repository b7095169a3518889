// SHA-256 as FIPS 180-4, section 6.2.2, writes it: for CPUs that have nothing better, and as what
// the other forms are compared with.
#include <bit>
#include <cstring>

#include "io/digest/kernel.h"

namespace headrace {
namespace {

std::uint32_t big_endian_word(const std::byte* from) {
  std::uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return std::endian::native == std::endian::little ? __builtin_bswap32(word) : word;
}

void compress_block(std::uint32_t* state, const std::byte* data) {
  std::uint32_t w[16];
  for (std::size_t t = 0; t < 16; ++t) w[t] = big_endian_word(data + t * 4);
  // The letters a to h change places instead of values: in round t the letter a is v[-t modulo 8].
  std::uint32_t v[8];
  for (std::size_t n = 0; n < 8; ++n) v[n] = state[n];
#pragma clang loop unroll(full)
  for (std::size_t t = 0; t < 64; ++t) {
    if (t >= 16) {
      std::uint32_t old = w[(t + 1) % 16];
      std::uint32_t young = w[(t + 14) % 16];
      std::uint32_t sigma0 = std::rotr(old, 7) ^ std::rotr(old, 18) ^ (old >> 3);
      std::uint32_t sigma1 = std::rotr(young, 17) ^ std::rotr(young, 19) ^ (young >> 10);
      w[t % 16] += sigma0 + w[(t + 9) % 16] + sigma1;
    }
    const std::size_t first = (64 - t) % 8;
    std::uint32_t a = v[first];
    std::uint32_t b = v[(first + 1) % 8];
    std::uint32_t e = v[(first + 4) % 8];
    std::uint32_t& h = v[(first + 7) % 8];
    std::uint32_t sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    std::uint32_t choice = v[(first + 6) % 8] ^ (e & (v[(first + 5) % 8] ^ v[(first + 6) % 8]));
    std::uint32_t t1 = h + sum1 + choice + sha256_constants[t] + w[t % 16];
    std::uint32_t sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    std::uint32_t majority = (a & b) | (v[(first + 2) % 8] & (a | b));
    v[(first + 3) % 8] += t1;
    h = t1 + sum0 + majority;
  }
  for (std::size_t n = 0; n < 8; ++n) state[n] += v[n];
}

}  // namespace

void sha256_portable(std::uint32_t* const* states, const std::byte* const* data,
                     std::size_t blocks) {
  for (std::size_t i = 0; i < blocks; ++i) {
    compress_block(states[0], data[0] + i * digest_block_bytes);
  }
}

}  // namespace headrace
