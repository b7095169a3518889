// clock.h: time as the house counts it.
//
// Time is nanoseconds since an arbitrary origin that never goes back (the kernel's monotonic
// clock, or the simulation's); Duration is the distance of two. Both are int64 inside, so that
// 292 years fit, and both saturate at Time::never() rather than wrap. Nothing but a worker's
// backend reads a clock: everything else is told the time, so that the simulation owns it.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace headrace {

struct Duration {
  std::int64_t ns = 0;

  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration other) const { return {ns + other.ns}; }
  constexpr Duration operator-(Duration other) const { return {ns - other.ns}; }
  constexpr Duration operator*(std::int64_t factor) const { return {ns * factor}; }
  constexpr Duration operator/(std::int64_t divisor) const { return {ns / divisor}; }
  constexpr std::int64_t in_ms() const { return ns / 1'000'000; }
  constexpr double in_seconds() const { return static_cast<double>(ns) * 1e-9; }
};

constexpr Duration nanoseconds(std::int64_t count) { return {count}; }
constexpr Duration microseconds(std::int64_t count) { return {count * 1'000}; }
constexpr Duration milliseconds(std::int64_t count) { return {count * 1'000'000}; }
constexpr Duration seconds(std::int64_t count) { return {count * 1'000'000'000}; }
constexpr Duration minutes(std::int64_t count) { return seconds(count * 60); }

struct Time {
  std::int64_t ns = 0;

  static constexpr Time never() { return {std::numeric_limits<std::int64_t>::max()}; }
  constexpr bool is_never() const { return ns == never().ns; }
  constexpr auto operator<=>(const Time&) const = default;
  constexpr Duration operator-(Time earlier) const { return {ns - earlier.ns}; }
  constexpr Time operator+(Duration later) const {
    return later.ns > never().ns - (ns > 0 ? ns : 0) ? never() : Time{ns + later.ns};
  }
};

// The kernel's monotonic clock.
Time monotonic_now();
// Seconds since 1970, for what the wire dates (Retry-After, URL lifetimes).
std::int64_t wall_seconds_now();

}  // namespace headrace
