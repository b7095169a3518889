#include "io/digest/block_digest.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace headrace {
namespace {

template <class Word>
Word ordered(Word word, bool big_endian) {
  bool swap = big_endian == (std::endian::native == std::endian::little);
  return swap ? std::byteswap(word) : word;
}

}  // namespace

BlockDigest::BlockDigest(const KernelSet& kernels, std::span<const std::uint32_t> initial,
                         WordOrder order)
    : kernels_(kernels), initial_(initial), order_(order) {
  begin();
}

void BlockDigest::begin() {
  std::ranges::copy(initial_, state_.begin());
  size_bytes_ = 0;
}

void BlockDigest::compress(const std::byte* data, std::size_t blocks) {
  std::uint32_t* state = state_.data();
  kernels_.one.run(&state, &data, blocks);
}

LaneInput BlockDigest::absorb(std::span<const std::byte> bytes) {
  std::size_t filled = fill();
  size_bytes_ += bytes.size();
  if (filled > 0) {
    std::size_t taken = std::min(bytes.size(), digest_block_bytes - filled);
    std::ranges::copy(bytes.first(taken), partial_.begin() + static_cast<std::ptrdiff_t>(filled));
    bytes = bytes.subspan(taken);
    if (filled + taken < digest_block_bytes) return {.state = state_.data()};
    compress(partial_.data(), 1);
  }
  std::size_t blocks = bytes.size() / digest_block_bytes;
  std::ranges::copy(bytes.subspan(blocks * digest_block_bytes), partial_.begin());
  return {.state = state_.data(), .data = bytes.data(), .blocks = blocks};
}

void BlockDigest::update(std::span<const std::byte> bytes) {
  LaneInput whole = absorb(bytes);
  if (whole.blocks > 0) compress(whole.data, whole.blocks);
}

DigestValue BlockDigest::finish() {
  // A bit of one, zeros, and the length in bits as the last eight bytes of a block.
  std::array<std::byte, 2 * digest_block_bytes> end{};
  std::size_t filled = fill();
  std::copy_n(partial_.begin(), filled, end.begin());
  end[filled] = std::byte{0x80};
  std::size_t blocks = filled + 1 + sizeof(std::uint64_t) <= digest_block_bytes ? 1 : 2;
  bool big_endian = order_ == WordOrder::big;
  std::uint64_t bits = ordered(size_bytes_ * 8, big_endian);
  std::memcpy(end.data() + blocks * digest_block_bytes - sizeof bits, &bits, sizeof bits);
  compress(end.data(), blocks);

  DigestValue value;
  value.size = initial_.size() * sizeof(std::uint32_t);
  for (std::size_t i = 0; i < initial_.size(); ++i) {
    std::uint32_t word = ordered(state_[i], big_endian);
    std::memcpy(value.bytes.data() + i * sizeof word, &word, sizeof word);
  }
  begin();
  return value;
}

}  // namespace headrace
