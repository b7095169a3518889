#include "net/rate_limit.h"

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include "io/prng.h"

namespace headrace {
namespace {

constexpr std::uint64_t rate = 20'000'000;

struct Sent {
  Time at;
  std::uint64_t bytes;
};

// Lanes that each send a piece when its moment has come, wake up late, and take the next one.
std::vector<Sent> run_lanes(RateLimit& limit, std::size_t lanes, Duration length, Prng& prng) {
  std::vector<Time> next(lanes, Time() + 1s);
  std::vector<Sent> sent;
  while (true) {
    auto lane = std::min_element(next.begin(), next.end());
    if (*lane > Time() + 1s + length) return sent;
    std::uint64_t bytes = limit.piece_max();
    Time begins = *lane + limit.take(bytes, *lane);
    sent.push_back({begins, bytes});
    *lane = begins + Duration(prng.below(3'000'000));
  }
}

std::uint64_t bytes_within(const std::vector<Sent>& sent, Time from, Duration length) {
  std::uint64_t bytes = 0;
  for (const Sent& one : sent) {
    if (one.at >= from && one.at < from + length) bytes += one.bytes;
  }
  return bytes;
}

}  // namespace

TEST_CASE("without a rate nothing waits") {
  RateLimit limit;
  CHECK(limit.take(1 << 30, Time()) == Duration::zero());
  CHECK(limit.take(1 << 30, Time()) == Duration::zero());
  CHECK(limit.piece_max() == block_size_bytes);
}

TEST_CASE("over any two seconds the rate is kept within 3 %, however late the lanes wake") {
  for (std::size_t lanes : {1u, 8u, 32u}) {
    Prng prng(lanes);
    RateLimit limit;
    limit.set(rate);
    std::vector<Sent> sent = run_lanes(limit, lanes, 20s, prng);
    for (Time from = Time() + 1s; from < Time() + 18s; from += 37ms) {
      double share = static_cast<double>(bytes_within(sent, from, 2s)) / (2.0 * rate);
      CHECK(share > 0.97);
      CHECK(share < 1.03);
    }
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
  limit.set(100'000);
  CHECK(limit.piece_max() == 2000);
  limit.set(2000);
  CHECK(limit.piece_max() == RateLimit::rate_min);
}

}  // namespace headrace
