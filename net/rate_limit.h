// rate_limit.h: RateLimit, how many bytes of bodies all connections of an engine send in a second.
//
// One schedule for all workers, without a lock: the line is free from some moment on; who wants to
// send takes the next bytes / rate seconds of it and waits until they begin. Moments of the
// schedule don't move when somebody is a little late, so nothing of the rate is lost. What was not
// used within `credit` is: whoever comes later than that takes anew. So in any time t at most
// rate * (t + credit) and a piece go, even after a machine stood still with a piece of each
// connection due, and over any two seconds the rate is kept within 3 % from the low hundreds of
// KiB/s on. set() from any thread, at any time; what waits already keeps its moment.
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
  // Of two seconds 1.5 %. Less would lose what a busy machine owes its threads at times, and more
  // would, with a piece and what the way adds, come near the 3 %.
  static constexpr Duration credit = 30ms;
  // As long as a piece lasts. Shorter ones cost more wakings, longer ones let those who wait look
  // further ahead: each connection has one taken.
  static constexpr Duration piece_time = 2ms;
  static constexpr std::uint64_t rate_min = 1024;

  // Bytes a second; 0: no limit.
  void set(std::uint64_t rate) {
    rate_.store(rate == 0 ? 0 : std::max(rate, rate_min), std::memory_order_relaxed);
  }
  std::uint64_t rate() const { return rate_.load(std::memory_order_relaxed); }
  // The most to take at once.
  std::size_t piece_max() const {
    std::uint64_t rate = this->rate();
    if (rate == 0) return block_size_bytes;
    return static_cast<std::size_t>(
        std::clamp<std::uint64_t>(rate / (1s / piece_time), rate_min, block_size_bytes));
  }
  // What one connection alone may leave the kernel with; more than the rate, so that what was late
  // is caught up with.
  std::uint64_t pace() const { return rate() + rate() / 4; }
  // Takes the line for so many bytes, which go after the wait that is returned, or up to `credit`
  // later.
  Duration take(std::uint64_t bytes, Time now);

 private:
  std::atomic<std::uint64_t> rate_ = 0;
  std::atomic<Duration::rep> free_at_ = 0;  // since the clock's epoch
};

}  // namespace headrace
