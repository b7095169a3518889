#include "io/clock.h"

#include <time.h>

#include "io/check.h"

namespace headrace {

Time monotonic_now() {
  timespec now{};
  CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return {static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec};
}

std::int64_t wall_seconds_now() {
  timespec now{};
  CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
  return now.tv_sec;
}

}  // namespace headrace
