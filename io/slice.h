// slice.h: Slice, the currency between rooms: a counted reference to a range of a block.
// A block is 256 KiB of an Arena (LIMITS: 256 KiB stays in the second-level cache from read to hash
// to send). Copying counts, the last slice gives the block back. The count may be changed from any
// thread; the bytes belong to whoever made the slice until it is shared.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "io/check.h"

namespace headrace {

inline constexpr std::size_t block_size_bytes = 256 * 1024;

class Arena;
struct Account;

struct Block {
  std::atomic<std::uint32_t> references{0};
  Arena* arena = nullptr;
  Account* account = nullptr;  // who paid for it
  std::byte* data = nullptr;
};

void release_block(Block& block);  // arena.cc

class Slice {
 public:
  Slice() = default;
  Slice(Block& block, std::size_t offset, std::size_t size)
      : block_(&block),
        offset_(static_cast<std::uint32_t>(offset)),
        size_(static_cast<std::uint32_t>(size)) {
    DCHECK(offset + size <= block_size_bytes);
    block.references.fetch_add(1, std::memory_order_relaxed);
  }
  Slice(const Slice& other) : block_(other.block_), offset_(other.offset_), size_(other.size_) {
    if (block_) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Slice(Slice&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)), offset_(other.offset_), size_(other.size_) {}
  Slice& operator=(Slice other) noexcept {
    std::swap(block_, other.block_);
    offset_ = other.offset_;
    size_ = other.size_;
    return *this;
  }
  ~Slice() {
    if (block_ && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      release_block(*block_);
    }
  }

  explicit operator bool() const { return block_ != nullptr; }
  std::size_t size() const { return size_; }
  std::span<const std::byte> bytes() const { return {block_->data + offset_, size_}; }
  // The one who fills the block writes here before anybody else has a copy.
  std::span<std::byte> writable() const { return {block_->data + offset_, size_}; }
  // A range of this slice.
  Slice sub(std::size_t offset, std::size_t size) const {
    DCHECK(offset + size <= size_);
    return Slice(*block_, offset_ + offset, size);
  }

 private:
  Block* block_ = nullptr;
  std::uint32_t offset_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace headrace
