#include "net/rate_limit.h"

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include "io/prng.h"

namespace headrace {
namespace {

constexpr std::uint64_t rate = 20'000'000;
constexpr Duration send_time = 20us;  // of a piece into the kernel

struct Sent {
  Time at;
  std::uint64_t total;  // before it
};

// A machine on which lanes each wake up late for the moment of their piece, send it and take the
// next one; now and then everything stands still for a while.
struct Machine {
  std::size_t lanes = 8;
  Duration late_max = 3ms;
  Duration standstill = Duration::zero();
  Duration standstill_every = 5s;
};

// When who is awake from `at` on really goes on.
Time awake(const Machine& machine, Time at, Prng& prng) {
  at += Duration(
      static_cast<Duration::rep>(prng.below(static_cast<std::uint64_t>(machine.late_max.count()))));
  Duration into = at.time_since_epoch() % machine.standstill_every;
  return into < machine.standstill ? at + (machine.standstill - into) : at;
}

std::vector<Sent> run_lanes(RateLimit& limit, const Machine& machine, Duration length) {
  struct Lane {
    Time wakes;
    Time due;  // Time(): has nothing taken
  };
  Prng prng(machine.lanes);
  std::vector<Lane> lanes(machine.lanes, {Time() + 1s, Time()});
  std::vector<Sent> sent;
  std::uint64_t total = 0;
  while (true) {
    auto lane = std::ranges::min_element(lanes, {}, &Lane::wakes);
    Time now = lane->wakes;
    if (now > Time() + 1s + length) return sent;
    std::uint64_t bytes = limit.piece_max();
    bool goes = lane->due != Time() && now - lane->due <= RateLimit::credit;
    Duration wait = goes ? Duration::zero() : limit.take(bytes, now);
    if (wait > Duration::zero()) {
      *lane = {awake(machine, now + wait, prng), now + wait};
      continue;
    }
    sent.push_back({now, total});
    total += bytes;
    *lane = {now + send_time, Time()};
  }
}

// Something was sent after that.
std::uint64_t bytes_within(const std::vector<Sent>& sent, Time from, Duration length) {
  auto total_at = [&](Time at) { return std::ranges::lower_bound(sent, at, {}, &Sent::at)->total; };
  return total_at(from + length) - total_at(from);
}

}  // namespace

TEST_CASE("without a rate nothing waits") {
  RateLimit limit;
  CHECK(limit.take(1 << 30, Time()) == Duration::zero());
  CHECK(limit.take(1 << 30, Time()) == Duration::zero());
  CHECK(limit.piece_max() == block_size_bytes);
}

TEST_CASE("over any two seconds the rate is kept within 3 %, however late the lanes wake") {
  for (std::size_t lanes : {1u, 8u, 64u}) {
    for (Duration late : {1ms, 10ms, 25ms}) {
      RateLimit limit;
      limit.set(rate);
      std::vector<Sent> sent = run_lanes(limit, {.lanes = lanes, .late_max = late}, 20s);
      for (Time from = Time() + 2s; from < Time() + 18s; from += 37ms) {
        double share = static_cast<double>(bytes_within(sent, from, 2s)) / (2.0 * rate);
        CHECK(share > 0.97);
        CHECK(share < 1.03);
      }
    }
  }
}

TEST_CASE("after a standstill no burst follows, whatever was due meanwhile") {
  for (std::size_t lanes : {1u, 8u, 64u}) {
    RateLimit limit;
    limit.set(rate);
    std::vector<Sent> sent = run_lanes(limit, {.lanes = lanes, .standstill = 700ms}, 20s);
    double most = 0;
    for (Time from = Time() + 1s; from < Time() + 18s; from += 11ms) {
      most = std::max(most, static_cast<double>(bytes_within(sent, from, 2s)) / (2.0 * rate));
    }
    CHECK(most < 1.03);
    CHECK(most > 0.99);
  }
}

TEST_CASE("what was not used while nothing was sent is not sent later in a burst") {
  RateLimit limit;
  limit.set(rate);
  Time now = Time() + 100s;
  std::uint64_t at_once = 0;
  while (limit.take(100'000, now) == Duration::zero()) at_once += 100'000;
  CHECK(seconds_of(RateLimit::credit) * rate == doctest::Approx(at_once).epsilon(0.25));
}

TEST_CASE("a rate may change while bytes wait, and be none again") {
  RateLimit limit;
  Time now = Time() + 1s;
  limit.set(1000);  // less than the least
  CHECK(limit.rate() == RateLimit::rate_min);
  limit.take(RateLimit::rate_min, now);
  CHECK(limit.take(1, now) == 1s - RateLimit::credit);
  limit.set(rate);
  now += 5s;
  CHECK(limit.take(1, now) == Duration::zero());
  limit.set(0);
  CHECK(limit.take(1 << 30, now) == Duration::zero());
}

TEST_CASE("slow lines get small pieces") {
  RateLimit limit;
  limit.set(rate);
  CHECK(limit.piece_max() == 40'000);
  limit.set(2000);
  CHECK(limit.piece_max() == RateLimit::rate_min);
}

}  // namespace headrace
