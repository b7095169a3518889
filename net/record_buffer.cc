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

RecordBuffer::~RecordBuffer() { give_memory_back(); }

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

namespace {
// Sessions of a thread come and go; what they held at once stays with it.
template <class Memory>
std::vector<Memory>& idle_memory() {
  thread_local std::vector<Memory> idle;
  return idle;
}
}  // namespace

RecordBuffer::Memory RecordBuffer::take_memory() {
  std::vector<Memory>& idle = idle_memory<Memory>();
  if (idle.empty()) {
    return Memory(new (std::align_val_t(page_size)) std::byte[size_bytes]);
  }
  Memory last = std::move(idle.back());
  idle.pop_back();
  return last;
}

void RecordBuffer::give_memory_back() {
  if (memory_) idle_memory<Memory>().push_back(std::move(memory_));
  begin_ = end_ = 0;
}

}  // namespace headrace
