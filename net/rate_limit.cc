#include "net/rate_limit.h"

namespace headrace {

Duration RateLimit::take(std::uint64_t bytes, Time now) {
  std::uint64_t rate = this->rate();
  if (rate == 0) return Duration::zero();
  auto lasts =
      static_cast<Duration::rep>(1e9 * static_cast<double>(bytes) / static_cast<double>(rate));
  Duration::rep earliest = (now.time_since_epoch() - credit).count();
  Duration::rep free_at = free_at_.load(std::memory_order_relaxed);
  Duration::rep begin = 0;
  do {
    begin = std::max(free_at, earliest);
  } while (!free_at_.compare_exchange_weak(free_at, begin + lasts, std::memory_order_relaxed));
  return std::max(Duration::zero(), Duration(begin) - now.time_since_epoch());
}

}  // namespace headrace
