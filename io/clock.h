// clock.h: time as the house uses it. Monotonic time comes from a Backend, so that a simulation
// can own it; nobody below `tools` asks the system's clocks by itself.
#pragma once

#include <chrono>
#include <cstdint>

namespace headrace {

using Duration = std::chrono::nanoseconds;
using Time = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using namespace std::chrono_literals;

inline constexpr Time time_never = Time::max();

inline double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace headrace
