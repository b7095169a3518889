// line_gauge.h: LineGauge, what all connections that carry parts say of the line: how many bytes
// have arrived at the other side's machine, and how short the shortest round trip was.
//
// What was given to a socket has not arrived: each holds up to 4 MiB, which a line needs a second
// for, and whose filling looks like goodput that is not there. Thread-safe, without a lock.
#pragma once

#include <atomic>
#include <cstdint>

#include "io/clock.h"

namespace headrace {

class LineGauge {
 public:
  void note_arrived(std::uint64_t bytes) { arrived_.fetch_add(bytes, std::memory_order_relaxed); }
  // 0: nobody knows it.
  void note_round_trip(Duration time) {
    Duration::rep known = shortest_.load(std::memory_order_relaxed);
    if (time == Duration::zero()) return;
    while (time.count() < known &&
           !shortest_.compare_exchange_weak(known, time.count(), std::memory_order_relaxed)) {
    }
  }

  // So far.
  std::uint64_t arrived() const { return arrived_.load(std::memory_order_relaxed); }
  // Since it was asked for last; 0: nobody knows.
  Duration take_round_trip() {
    Duration::rep shortest = shortest_.exchange(none, std::memory_order_relaxed);
    return shortest == none ? Duration::zero() : Duration(shortest);
  }

 private:
  static constexpr Duration::rep none = Duration::max().count();
  std::atomic<std::uint64_t> arrived_ = 0;
  std::atomic<Duration::rep> shortest_ = none;
};

}  // namespace headrace
