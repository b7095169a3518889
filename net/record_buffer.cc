#include "net/record_buffer.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "io/check.h"

namespace headrace {
namespace {

// Behind the source modulo a page, and far enough from where copying is slow for the sixteen that
// follow: each lies further behind its own source by what TLS adds to a record.
constexpr std::size_t first_distance = 64;

}  // namespace

void RecordBuffer::hold_memory(const std::byte* source) {
  if (memory_) return;
  memory_ = take_memory();
  begin_ = end_ = (reinterpret_cast<std::uintptr_t>(source) + first_distance) % page_size;
}

std::size_t RecordBuffer::append(std::span<const std::byte> bytes) {
  hold_memory(bytes.data());
  std::size_t taken = std::min(bytes.size(), size_bytes - end_);
  std::memcpy(memory_.get() + end_, bytes.data(), taken);
  end_ += taken;
  return taken;
}

std::byte* RecordBuffer::room(std::size_t size, const std::byte* source) {
  hold_memory(source);
  return size <= size_bytes - end_ ? memory_.get() + end_ : nullptr;
}

void RecordBuffer::added(std::size_t size) {
  DCHECK(size <= size_bytes - end_);
  end_ += size;
}

void RecordBuffer::sent(std::size_t size) {
  DCHECK(size <= end_ - begin_);
  begin_ += size;
  if (empty()) give_memory_back();
}

void RecordBuffer::Free::operator()(std::byte* memory) const {
  ::operator delete[](memory, std::align_val_t(page_size));
}

// Of one thread: what its buffers held before, until none is left.
struct RecordBuffer::Shelf {
  std::vector<Memory> idle;
  std::size_t buffers = 0;
};

RecordBuffer::Shelf& RecordBuffer::shelf() {
  thread_local Shelf shelf;
  return shelf;
}

RecordBuffer::RecordBuffer() { ++shelf().buffers; }

RecordBuffer::~RecordBuffer() {
  give_memory_back();
  if (--shelf().buffers == 0) shelf().idle.clear();
}

RecordBuffer::Memory RecordBuffer::take_memory() {
  std::vector<Memory>& idle = shelf().idle;
  if (idle.empty()) {
    return Memory(new (std::align_val_t(page_size)) std::byte[size_bytes]);
  }
  Memory last = std::move(idle.back());
  idle.pop_back();
  return last;
}

void RecordBuffer::give_memory_back() {
  if (memory_) shelf().idle.push_back(std::move(memory_));
  begin_ = end_ = 0;
}

}  // namespace headrace
