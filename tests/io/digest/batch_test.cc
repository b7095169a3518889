// batch_test.cc: streams of any number and length through lanes, and digests that are absorbed in
// pieces, give what each stream gives alone.
#include "io/digest/batch.h"

#include <algorithm>
#include <array>
#include <vector>

#include <doctest/doctest.h>

#include "io/digest/md5.h"
#include "io/digest/sha256.h"
#include "tests/support/random_bytes.h"

namespace headrace {
namespace {

template <class Digest>
void check_streams(std::size_t count, std::uint64_t seed, std::size_t size_max) {
  CAPTURE(count);
  CAPTURE(seed);
  Prng prng(seed);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    texts.push_back(random_bytes(seed * 1000 + i, prng.below(size_max)));
  }
  std::vector<Digest> together(count);
  std::vector<std::size_t> offsets(count, 0);
  bool more = true;
  while (more) {
    more = false;
    std::vector<LaneInput> inputs;
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t piece = std::min(texts[i].size() - offsets[i], prng.below(size_max / 3 + 2));
      std::string_view view = std::string_view(texts[i]).substr(offsets[i], piece);
      inputs.push_back(together[i].absorb(std::as_bytes(std::span(view))));
      offsets[i] += piece;
      more = more || offsets[i] < texts[i].size();
    }
    run_lanes(together[0].kernels(), inputs);
    for (const LaneInput& input : inputs) CHECK(input.blocks == 0);
  }
  for (std::size_t i = 0; i < count; ++i) {
    CAPTURE(i);
    Digest alone;
    alone.update(texts[i]);
    CHECK(together[i].finish() == alone.finish());
  }
}

}  // namespace

TEST_CASE("streams of unequal length, in pieces of any size") {
  for (std::size_t count : {1UL, 2UL, 3UL, 7UL, 8UL, 9UL, 15UL, 16UL, 17UL, 33UL, 70UL}) {
    check_streams<Sha256>(count, count, 3000);
    check_streams<Md5>(count, count + 100, 3000);
  }
  check_streams<Sha256>(3, 1, 200'000);
  check_streams<Sha256>(17, 2, 50'000);
  check_streams<Md5>(17, 3, 50'000);
}

TEST_CASE("a stream beside others is not delayed to another value by its length of zero") {
  std::array<LaneInput, 3> inputs{};
  std::array<std::uint32_t, 8> state{};
  for (LaneInput& input : inputs) input.state = state.data();
  run_lanes(sha256_kernels(), inputs);
  run_lanes(sha256_kernels(), {});
  CHECK(state == std::array<std::uint32_t, 8>{});
}

TEST_CASE("a whole and its parts in one pass") {
  std::string text = random_bytes(9, 300'000);
  std::size_t half = 150'016;  // a whole number of blocks, as parts have
  Sha256 whole;
  std::array<Sha256, 2> parts;
  std::array<std::string_view, 2> pieces = {std::string_view(text).substr(0, half),
                                            std::string_view(text).substr(half)};
  for (std::size_t i = 0; i < 2; ++i) {
    std::span<const std::byte> bytes = std::as_bytes(std::span(pieces[i]));
    std::array<LaneInput, 2> inputs = {whole.absorb(bytes), parts[i].absorb(bytes)};
    run_lanes(whole.kernels(), inputs);
    CHECK(parts[i].finish() == sha256_of(pieces[i]));
  }
  CHECK(whole.finish() == sha256_of(text));
}

}  // namespace headrace
