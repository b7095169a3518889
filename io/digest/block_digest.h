// block_digest.h: a digest made of 64-byte blocks (SHA-256, MD5), which may run in a lane.
//
// update() puts its bytes through by itself. absorb() is the other half of a bargain with
// run_lanes (batch.h): it keeps what is no whole block and returns the whole ones; these go through
// run_lanes, while the bytes stay where they are, before anything else happens to the digest.
// Contract otherwise: digest.h.
#pragma once

#include "io/digest/batch.h"
#include "io/digest/digest.h"

namespace headrace {

class BlockDigest : public Digest {
 public:
  using Digest::update;
  void update(std::span<const std::byte> bytes) override;
  DigestValue finish() override;

  LaneInput absorb(std::span<const std::byte> bytes);
  const KernelSet& kernels() const { return kernels_; }

 protected:
  enum class WordOrder : bool { little, big };  // of the value, and of the length at the end
  // `initial`: the words of the state, as many as the value has.
  BlockDigest(const KernelSet& kernels, std::span<const std::uint32_t> initial, WordOrder order);

 private:
  void begin();
  void compress(const std::byte* data, std::size_t blocks);
  std::size_t fill() const { return size_bytes_ % digest_block_bytes; }

  const KernelSet& kernels_;
  const std::span<const std::uint32_t> initial_;
  const WordOrder order_;
  std::array<std::uint32_t, 8> state_{};
  std::uint64_t size_bytes_ = 0;
  std::array<std::byte, digest_block_bytes> partial_{};
};

}  // namespace headrace
