// MD5 as RFC 1321, section 3.4, writes it: one stream, any CPU.
#include <bit>
#include <cstring>

#include "io/digest/kernel.h"
#include "io/digest/md5_tables.h"

namespace headrace {
namespace {

static_assert(std::endian::native == std::endian::little, "MD5 reads words as they lie");

template <unsigned round>
std::uint32_t mix(std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  if constexpr (round == 0) return d ^ (b & (c ^ d));
  else if constexpr (round == 1) return (d & b) + (~d & c);  // no bit is in both
  else if constexpr (round == 2) return b ^ c ^ d;
  else return c ^ (b | ~d);
}

template <unsigned round>
void run_round(std::uint32_t* v, const std::uint32_t* words) {
#pragma clang loop unroll(full)
  for (unsigned i = 0; i < 16; ++i) {
    std::uint32_t& a = v[(16 - i) % 4];
    std::uint32_t b = v[(17 - i) % 4];
    std::uint32_t sum = a + mix<round>(b, v[(18 - i) % 4], v[(19 - i) % 4]) +
                        words[md5_word(round, i)] + md5_constants[round * 16 + i];
    a = b + std::rotl(sum, md5_shifts[round * 4 + i % 4]);
  }
}

}  // namespace

void md5_portable(std::uint32_t* const* states, const std::byte* const* data, std::size_t blocks) {
  std::uint32_t* state = states[0];
  for (std::size_t block = 0; block < blocks; ++block) {
    std::uint32_t words[16];
    std::memcpy(words, data[0] + block * digest_block_bytes, sizeof words);
    std::uint32_t v[4] = {state[0], state[1], state[2], state[3]};
    run_round<0>(v, words);
    run_round<1>(v, words);
    run_round<2>(v, words);
    run_round<3>(v, words);
    for (std::size_t n = 0; n < 4; ++n) state[n] += v[n];
  }
}

}  // namespace headrace
