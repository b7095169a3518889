// record_buffer.h: RecordBuffer, what a session has sealed and the stream below has not taken yet.
//
// Records are sealed into it or appended; who sends takes all there is in one piece and says so
// afterwards, and what was added meanwhile lies behind it. Memory is held only while there are such
// bytes. It comes from a list of this thread, what came back last first: that still lies in the
// second-level cache, where sealing writes and sending reads at half the cost (LIMITS section 5).
// The list goes with the thread's last buffer. A buffer stays on its thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "net/record_sealer.h"

namespace headrace {

// Whether the processor copies from `from` to `to` an order of magnitude slower than anywhere else.
// `rep movsb`, by which the C library copies what is longer than 4 KiB, falls back to single bytes
// on Zen 3 and 4 where the target lies less than 32 bytes behind the source modulo 4096.
inline bool copies_slowly(std::uintptr_t to, std::uintptr_t from) {
  return (to - from) % 4096 < 64;
}

class RecordBuffer {
 public:
  // Plain bytes that are sealed for one send.
  static constexpr std::size_t batch_size_max = 16 * RecordSealer::plain_size_max;
  // The same with what TLS adds to each record, one of them short, what the session may say of
  // itself meanwhile, and room to begin where copying is fast.
  static constexpr std::size_t size_bytes = batch_size_max + 17 * 256 + 4 * 1024 + 4 * 1024;

  RecordBuffer();
  ~RecordBuffer();
  RecordBuffer(const RecordBuffer&) = delete;

  bool empty() const { return begin_ == end_; }
  // As many bytes as there is room for.
  std::size_t append(std::span<const std::byte> bytes);
  // Room for `size` bytes made of what is at `source`, or null; added() says that they are there.
  std::byte* room(std::size_t size, const std::byte* source);
  void added(std::size_t size);
  std::span<const std::byte> unsent() const { return {memory_.get() + begin_, end_ - begin_}; }
  // The first of them went out.
  void sent(std::size_t size);

 private:
  static constexpr std::size_t page_size = 4096;
  struct Free {
    void operator()(std::byte* memory) const;
  };
  using Memory = std::unique_ptr<std::byte[], Free>;
  struct Shelf;
  static Shelf& shelf();
  static Memory take_memory();
  void hold_memory(const std::byte* source);
  void give_memory_back();

  Memory memory_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace headrace
