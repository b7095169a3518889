// sim_lanes_test.cc: digests that meet on a worker have the values they have alone, the same ones
// meet when the same events happen again, and one that is alone waits for nobody.
#include <array>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include "io/digest/lanes.h"
#include "io/digest/md5.h"
#include "io/digest/sha256.h"
#include "tests/sim/sim_world.h"
#include "tests/support/random_bytes.h"

namespace headrace {
namespace {

// One stream, in pieces, with pauses in which others may come and go.
Task<void> feed(Scope& scope, DigestLanes& lanes, BlockDigest& digest, std::string_view text,
                bool pauses) {
  Prng prng(text.size());
  DigestLanes::Member member(lanes);
  // As a real stream does, which opens a file first: the others are members before it goes on.
  bool began = co_await scope.worker().sleep(scope, 1us);
  CHECK(began);
  while (!text.empty()) {
    std::string_view piece = text.substr(0, prng.between(1, 40'000));
    text.remove_prefix(piece.size());
    co_await member.update(digest, std::as_bytes(std::span(piece)));
    if (!pauses || prng.chance(0.5)) continue;
    bool slept = co_await scope.worker().sleep(
        scope, std::chrono::microseconds(static_cast<std::int64_t>(prng.below(300))));
    CHECK(slept);
  }
}

struct Outcome {
  std::uint64_t trace = 0;
  std::uint64_t meetings = 0;
  std::uint64_t streams = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome run_streams(std::uint64_t seed, std::size_t count, bool pauses) {
  std::vector<std::string> texts;
  std::vector<std::unique_ptr<BlockDigest>> digests;
  for (std::size_t i = 0; i < count; ++i) {
    texts.push_back(random_bytes(seed + i, 90'000 + 1000 * i));
    if (i % 3 == 2) digests.push_back(std::make_unique<Md5>());
    else digests.push_back(std::make_unique<Sha256>());
  }
  SimWorld world({.seed = seed, .workers = 1});
  DigestLanes lanes(world.worker(0));
  std::function<Task<void>(Scope&)> all = [&](Scope& scope) -> Task<void> {
    Scope streams(scope);
    for (std::size_t i = 0; i < count; ++i) {
      streams.spawn(feed(streams, lanes, *digests[i], texts[i], pauses));
    }
    co_await streams.join();
  };
  REQUIRE(world.run(0, all));
  CHECK(world.violations().empty());
  for (std::size_t i = 0; i < count; ++i) {
    CAPTURE(i);
    DigestValue expected = i % 3 == 2 ? md5_of(texts[i]) : sha256_of(texts[i]);
    CHECK(digests[i]->finish() == expected);
  }
  return {world.trace(), lanes.meetings(), lanes.streams()};
}

}  // namespace

TEST_CASE("streams that are there together meet every time") {
  Outcome outcome = run_streams(1, 7, false);
  CHECK(outcome.streams > 4 * outcome.meetings);
}

TEST_CASE("streams that come and go have their values, and the same world the same meetings") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Outcome outcome = run_streams(seed, 1 + seed % 9, true);
    CHECK(outcome == run_streams(seed, 1 + seed % 9, true));
    CHECK(outcome.streams >= outcome.meetings);
  }
}

TEST_CASE("a stream waits for those that are expected, a few turns at most, and alone for nobody") {
  struct Turn {
    Worker& worker;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) { worker.ready(handle); }
    void await_resume() const noexcept {}
  };
  SimWorld world({.seed = 3, .workers = 1});
  DigestLanes lanes(world.worker(0));
  std::string text = random_bytes(3, 100'000);
  Sha256 digest;
  bool done = false;
  int turns = 0;
  std::array<int, 2> waited{};
  std::function<Task<void>(Scope&)> count = [&](Scope& scope) -> Task<void> {
    while (!done) {
      ++turns;
      co_await Turn{scope.worker()};
    }
  };
  std::function<Task<void>(Scope&)> run = [&](Scope& scope) -> Task<void> {
    Scope counting(scope);
    counting.spawn(count(counting));
    co_await Turn{scope.worker()};
    DigestLanes::Member member(lanes);
    int before = turns;
    co_await member.update(digest, std::as_bytes(std::span(text)));
    waited[0] = turns - before;
    DigestLanes::Member who_never_comes(lanes);
    before = turns;
    co_await member.update(digest, std::as_bytes(std::span(text)));
    waited[1] = turns - before;
    done = true;
    co_await counting.join();
  };
  REQUIRE(world.run(0, run));
  CHECK(waited[0] == 0);
  CHECK(waited[1] == DigestLanes::turns_waited);
  CHECK(lanes.meetings() == 2);
  CHECK(digest.finish() == sha256_of(text + text));
}

TEST_CASE("several digests over the same bytes") {
  SimWorld world({.seed = 4, .workers = 1});
  DigestLanes lanes(world.worker(0));
  std::string text = random_bytes(4, 100'000);
  Sha256 whole;
  Sha256 part;
  Md5 etag;
  std::function<Task<void>(Scope&)> all = [&](Scope&) -> Task<void> {
    std::array<BlockDigest*, 1> first = {&whole};
    co_await lanes.update(first, std::as_bytes(std::span(std::string_view("before the part"))));
    std::array<BlockDigest*, 3> digests = {&whole, &part, &etag};
    co_await lanes.update(digests, std::as_bytes(std::span(text)));
  };
  REQUIRE(world.run(0, all));
  CHECK(whole.finish() == sha256_of("before the part" + text));
  CHECK(part.finish() == sha256_of(text));
  CHECK(etag.finish() == md5_of(text));
}

}  // namespace headrace
