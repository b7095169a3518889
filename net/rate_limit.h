// rate_limit.h: RateLimit, how many bytes of bodies all connections of an engine send in a second.
//
// One schedule for all workers, without a lock: the line is free from some moment on; who wants to
// send takes the next bytes / rate seconds of it and waits until they begin. Moments of the
// schedule don't move when somebody is late, so nothing of the rate is lost, and what was not used
// is gone after `credit`: over any two seconds the rate is kept within 3 % from the low hundreds of
// KiB/s on. set() from any thread, at any time; what waits already keeps its moment. Pieces are
// small enough that sixteen connections each wait less than a second.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "io/clock.h"
#include "io/slice.h"

namespace headrace {

class RateLimit {
 public:
  static constexpr Duration credit = 20ms;
  static constexpr std::uint64_t rate_min = 1024;

  // Bytes a second; 0: no limit.
  void set(std::uint64_t rate) {
    rate_.store(rate == 0 ? 0 : std::max(rate, rate_min), std::memory_order_relaxed);
  }
  std::uint64_t rate() const { return rate_.load(std::memory_order_relaxed); }
  // The most to take at once: what goes in 20 ms.
  std::size_t piece_max() const {
    std::uint64_t rate = this->rate();
    if (rate == 0) return block_size_bytes;
    return static_cast<std::size_t>(
        std::clamp<std::uint64_t>(rate / 50, rate_min, block_size_bytes));
  }
  // Takes the line for so many bytes, which go after the wait that is returned.
  Duration take(std::uint64_t bytes, Time now);

 private:
  std::atomic<std::uint64_t> rate_ = 0;
  std::atomic<Duration::rep> free_at_ = 0;  // since the clock's epoch
};

}  // namespace headrace
