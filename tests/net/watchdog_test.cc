#include "net/watchdog.h"

#include <doctest/doctest.h>

#include "tests/support/loop.h"

namespace headrace {
namespace {

// A connection that moves nothing by itself; its machine confirms a byte a look, `looks` times.
class SlowLine final : public Stream {
 public:
  explicit SlowLine(int looks) : left_(looks) {}
  int looks = 0;
  Task<Result<std::size_t>> receive(Scope&, std::span<std::byte>) override { co_return 0u; }
  Task<Status> send(Scope&, std::span<const std::byte>, Slice) override { co_return Status(); }
  Task<void> close(Scope&) override { co_return; }
  std::int64_t unacknowledged() override {
    ++looks;
    return left_ > 0 ? --left_ : 0;
  }
  Duration round_trip() override { return Duration::zero(); }
  void pace(std::uint64_t) override {}

 private:
  int left_;
};

Task<void> wait_until_fired(Scope& scope, SlowLine& line, Watchdog::Phase phase, bool& fired) {
  Scope watched(scope);
  Watchdog watchdog(watched, line, {.first_byte = 20ms, .idle = 20ms});
  watchdog.enter(phase);
  co_await scope.worker().sleep(watched, 1h);
  fired = watchdog.fired() && watched.cancelled() && watchdog.phase() == phase;
}

}  // namespace

TEST_CASE("confirmed bytes are progress, until there are no more") {
  for (Watchdog::Phase phase : {Watchdog::Phase::send, Watchdog::Phase::first_byte}) {
    Loop loop;
    SlowLine line(30);
    bool fired = false;
    loop.run(wait_until_fired(*loop.scope, line, phase, fired));
    CHECK(fired);
    CHECK(line.looks > 30);
  }
}

TEST_CASE("while the answer comes, only its bytes count") {
  Loop loop;
  SlowLine line(1'000'000'000);
  bool fired = false;
  loop.run(wait_until_fired(*loop.scope, line, Watchdog::Phase::receive, fired));
  CHECK(fired);
}

}  // namespace headrace
