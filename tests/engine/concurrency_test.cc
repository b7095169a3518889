#include "engine/concurrency.h"

#include <algorithm>
#include <functional>
#include <vector>

#include <doctest/doctest.h>

#include "io/prng.h"

namespace headrace {
namespace {

constexpr double mib_s = 1 << 20;
using Reason = ConcurrencyDecision::Reason;

// A line whose goodput depends on the number of connections alone, looked at for a while.
struct Line {
  std::function<double(std::uint32_t)> goodput;
  double noise = 0;  // as a share, either way
  std::function<Duration(std::uint32_t)> round_trip = [](std::uint32_t) {
    return Duration::zero();
  };
  ConcurrencyController controller{{}};
  Prng prng{7};
  Time now = Time() + 1s;
  ConcurrencyController::Seen seen{};
  std::vector<ConcurrencyDecision> decisions;
  double sent = 0;

  bool decided(Reason reason) const {
    return std::ranges::any_of(decisions,
                               [=](const auto& decision) { return decision.reason == reason; });
  }

  // `each` sees the permits in force in every step.
  void run(Duration length, const std::function<void(std::uint32_t)>& each = {}) {
    for (Time end = now + length; now < end; now += ConcurrencyController::look_period) {
      std::uint32_t permits = controller.permits();
      if (each) each(permits);
      double swing = 1 + noise * (static_cast<double>(prng.below(2001)) / 1000.0 - 1);
      sent += goodput(permits) * swing * seconds_of(ConcurrencyController::look_period);
      seen.bytes = static_cast<std::uint64_t>(sent);
      seen.running = permits;
      seen.more_waits = true;
      seen.round_trip = round_trip(permits);
      if (std::optional<ConcurrencyDecision> decision = controller.look(now, seen)) {
        decisions.push_back(*decision);
      }
    }
  }
};

double slow_connections(std::uint32_t count) { return 10 * mib_s * count; }
double full_line(std::uint32_t) { return 50 * mib_s; }
// Of a line that holds what six connections send at once; what others send waits.
Duration with_queue(std::uint32_t count) { return 40ms + std::max(0, int(count) - 6) * 10ms; }

}  // namespace

TEST_CASE("many connections where one is slow") {
  for (double noise : {0.0, 0.05}) {
    Line line{.goodput = slow_connections, .noise = noise};
    line.run(5s);
    CHECK(line.controller.permits() >= 16);
    line.run(20s);
    CHECK(line.controller.permits() == ConcurrencyLimits().max);
    line.run(60s, [](std::uint32_t permits) { CHECK(permits == ConcurrencyLimits().max); });
  }
}

TEST_CASE("few where the line is full: after ten seconds never more than it began with") {
  Line line{.goodput = full_line};
  line.run(8s);
  CHECK(line.controller.permits() == 2);
  line.run(300s, [](std::uint32_t permits) {
    CHECK(permits >= 2);
    CHECK(permits <= 3);
  });
}

TEST_CASE("a noisy full line is not climbed either") {
  Line line{.goodput = full_line, .noise = 0.1};
  line.run(10s);
  line.run(300s, [](std::uint32_t permits) { CHECK(permits <= 8); });
}

TEST_CASE("the plateau is found from either side") {
  // Full with six.
  auto plateau = [](std::uint32_t count) { return 10 * mib_s * std::min(count, 6u); };
  Line line{.goodput = plateau, .noise = 0.01};
  line.run(15s);
  CHECK(line.controller.permits() >= 6);
  CHECK(line.controller.permits() <= 9);
  line.goodput = [](std::uint32_t count) { return 10 * mib_s * std::min(count, 30u); };
  line.run(90s);
  CHECK(line.controller.permits() >= 24);
}

TEST_CASE("more that only makes round trips longer is taken back, whatever it brings") {
  Line line{.goodput = slow_connections,
            .round_trip = with_queue,
            .controller = ConcurrencyController({.start = 4})};
  line.run(60s, [](std::uint32_t permits) { CHECK(permits <= 9); });
  CHECK(line.controller.permits() == 6);
  CHECK(line.decided(Reason::queued));
}

TEST_CASE("round trips that grow make it try fewer, and stay there if they do as well") {
  for (bool full : {true, false}) {
    Line line{.goodput = slow_connections, .round_trip = [](std::uint32_t) { return 40ms; }};
    line.run(15s);
    std::uint32_t before = line.controller.permits();
    CHECK(before == ConcurrencyLimits().max);
    line.round_trip = [](std::uint32_t) { return 90ms; };
    if (full) line.goodput = [](std::uint32_t count) { return std::min(28u, count) * 10 * mib_s; };
    line.run(12s);
    CHECK(line.decided(Reason::queued));
    CHECK(line.controller.permits() == (full ? 28 : before));
  }
}

TEST_CASE("a moment's queue is nobody's fault, and a few milliseconds are none") {
  Line line{.goodput = slow_connections, .round_trip = [](std::uint32_t) { return 1ms; }};
  line.run(13s);
  std::size_t decisions = line.decisions.size();
  for (int i = 0; i < 2; ++i) {
    line.round_trip = [](std::uint32_t) { return 80ms; };
    line.run(1s);
    line.round_trip = [](std::uint32_t) { return 5ms; };
    line.run(1500ms);
  }
  CHECK(line.decisions.size() == decisions);
}

TEST_CASE("a refusal halves the number at once, and those of what was already sent do not count") {
  Line line{.goodput = slow_connections};
  line.run(5s);
  std::uint32_t before = line.controller.permits();
  line.seen.refusals = 1;
  line.run(100ms);
  CHECK(line.controller.permits() == before / 2);
  CHECK(line.decisions.back().reason == Reason::refused);
  line.seen.refusals = 9;
  line.run(200ms);
  CHECK(line.controller.permits() == before / 2);
  line.run(8s);
  CHECK(line.controller.permits() == before / 2);
  line.run(5s);
  CHECK(line.controller.permits() > before / 2);
}

TEST_CASE("one connection is the least, however often it is refused") {
  Line line{.goodput = full_line};
  for (int i = 0; i < 20; ++i) {
    ++line.seen.refusals;
    line.run(2s);
  }
  CHECK(line.controller.permits() == 1);
}

TEST_CASE("what hashing holds back says nothing of the line") {
  ConcurrencyController controller{{}};
  ConcurrencyController::Seen seen{.bytes = 0, .running = 8, .more_waits = false, .refusals = 0};
  Time now = Time() + 1s;
  for (int i = 0; i < 1000; ++i, now += 100ms) {
    seen.bytes += 1000;
    seen.running = 8 - static_cast<std::uint32_t>(i % 3);
    CHECK_FALSE(controller.look(now, seen));
  }
  CHECK(controller.permits() == 8);
}

TEST_CASE("a decision says what was seen and what follows") {
  Line line{.goodput = slow_connections};
  line.run(2s);
  REQUIRE(line.decisions.size() == 1);
  CHECK(line.decisions[0].from == 8);
  CHECK(line.decisions[0].to == 12);
  CHECK(line.decisions[0].reason == Reason::grow);
  CHECK(line.decisions[0].goodput == doctest::Approx(80 * mib_s).epsilon(0.01));
}

}  // namespace headrace
