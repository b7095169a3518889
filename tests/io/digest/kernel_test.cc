// kernel_test.cc: every form of a compression function that this CPU has does what the plain one
// does. Needs no OpenSSL, so that it also runs for CPUs that are only emulated.
#include "io/digest/kernel.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <doctest/doctest.h>

#include "io/digest/cpu.h"
#include "io/digest/md5_tables.h"
#include "tests/support/random_bytes.h"

namespace headrace {
namespace {

using State = std::array<std::uint32_t, 8>;

State random_state(Prng& prng) {
  State state;
  for (std::uint32_t& word : state) word = static_cast<std::uint32_t>(prng.next());
  return state;
}

// `lanes` states over streams of `blocks` blocks that lie in `bytes`, none of them aligned.
void check_against_plain(const Kernel& kernel, Compress plain, std::size_t blocks) {
  CAPTURE(kernel.name);
  CAPTURE(blocks);
  Prng prng(blocks + 1);
  std::string bytes = random_bytes(blocks, kernel_lanes_max * (blocks * digest_block_bytes + 7));
  std::array<State, kernel_lanes_max> found;
  std::array<std::uint32_t*, kernel_lanes_max> states{};
  std::array<const std::byte*, kernel_lanes_max> data{};
  for (std::size_t lane = 0; lane < kernel.lanes; ++lane) {
    found[lane] = random_state(prng);
    states[lane] = found[lane].data();
    std::size_t offset = lane * (blocks * digest_block_bytes + 7);
    data[lane] = reinterpret_cast<const std::byte*>(bytes.data()) + offset;
  }
  std::array<State, kernel_lanes_max> expected = found;
  kernel.run(states.data(), data.data(), blocks);
  for (std::size_t lane = 0; lane < kernel.lanes; ++lane) {
    CAPTURE(lane);
    std::uint32_t* state = expected[lane].data();
    plain(&state, &data[lane], blocks);
    CHECK(found[lane] == expected[lane]);
  }
}

}  // namespace

TEST_CASE("the plain forms give one block what the standards give it") {
  // "abc", a bit of one, and the length of 24 bits: FIPS 180-4's example, and RFC 1321's suite.
  std::array<std::byte, digest_block_bytes> block{};
  std::memcpy(block.data(), "abc\x80", 4);
  const std::byte* data = block.data();
  State state;
  std::ranges::copy(sha256_initial, state.begin());
  std::uint32_t* words = state.data();
  block[63] = std::byte{24};
  sha256_portable(&words, &data, 1);
  CHECK(state[0] == 0xba7816bf);
  CHECK(state[7] == 0xf20015ad);
  std::ranges::copy(md5_initial, state.begin());
  block[63] = std::byte{0};
  block[56] = std::byte{24};
  md5_portable(&words, &data, 1);
  CHECK(state[0] == 0x98500190);
  CHECK(state[3] == 0x727fe128);
}

TEST_CASE("every form of this CPU agrees with the plain one") {
  MESSAGE("instructions: ", describe(cpu_features()));
  for (std::size_t blocks : {0UL, 1UL, 2UL, 3UL, 17UL, 64UL}) {
    for (const Kernel& kernel : sha256_kernels().all) {
      check_against_plain(kernel, sha256_portable, blocks);
    }
    for (const Kernel& kernel : md5_kernels().all) {
      check_against_plain(kernel, md5_portable, blocks);
    }
  }
}

TEST_CASE("two states over the same data") {
  const KernelSet& set = sha256_kernels();
  if (!set.same) return;
  Prng prng(5);
  std::string bytes = random_bytes(5, 33 * digest_block_bytes + 1);
  const std::byte* data = reinterpret_cast<const std::byte*>(bytes.data()) + 1;
  std::array<State, 2> found = {random_state(prng), random_state(prng)};
  std::array<State, 2> expected = found;
  std::array<std::uint32_t*, 2> states = {found[0].data(), found[1].data()};
  set.same(states.data(), &data, 33);
  for (std::size_t i = 0; i < 2; ++i) {
    std::uint32_t* state = expected[i].data();
    sha256_portable(&state, &data, 33);
    CHECK(found[i] == expected[i]);
  }
}

TEST_CASE("each set has one form for one stream, and only what the CPU has") {
  for (const KernelSet* set : {&sha256_kernels(), &md5_kernels()}) {
    CAPTURE(set->algorithm);
    CHECK(set->one.lanes == 1);
    CHECK(set->few.lanes <= 2);
    CHECK(set->many.lanes >= set->few.lanes);
    CHECK(set->many.lanes <= kernel_lanes_max);
    CHECK(many_from(*set) > set->few.lanes);
  }
  const CpuFeatures& cpu = cpu_features();
  if (cpu.sha_ni) CHECK(sha256_kernels().one.name == std::string("sha-ni"));
  if (cpu.sha_ni || cpu.arm_sha2) CHECK(sha256_kernels().few.lanes == 2);
  if (cpu.avx512) CHECK(sha256_kernels().many.lanes == 16);
  if (!cpu.avx2 && !cpu.arm_sha2 && !cpu.sha_ni) CHECK(sha256_kernels().all.size() == 1);
}

}  // namespace headrace
