#include "tools/headrace/watch.h"

#include <csignal>
#include <deque>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tools/headrace/interrupt.h"

namespace headrace {
namespace {

// A job that takes one step each time it is asked for an event.
struct FakeJob {
  std::deque<Event> events;
  int steps_left = 5;
  int steps_after_cancel = 1;
  bool cancelled = false;
  std::deque<int> signals;
  std::int64_t now_ms = 0;
  int switched = 0;
  Result<UploadResult> result = UploadResult{.url = "u"};

  Watched watched() {
    return {.next_event = [this](std::chrono::milliseconds timeout) { return next(timeout); },
            .ended = [this] { return steps_left == 0; },
            .cancel =
                [this] {
                  cancelled = true;
                  steps_left = steps_after_cancel;
                },
            .wait = [this] { return result; },
            .signal =
                [this] {
                  if (signals.empty()) return 0;
                  const int signal = signals.front();
                  signals.pop_front();
                  return signal;
                },
            .switch_rate_limit = [this] { return fmt::format("switched {}", ++switched); },
            .now_ms = [this] { return now_ms; },
            .after_stop = "go on"};
  }
  std::optional<Event> next(std::chrono::milliseconds timeout) {
    now_ms += timeout.count();
    if (steps_left > 0) --steps_left;
    if (events.empty()) return std::nullopt;
    Event event = std::move(events.front());
    events.pop_front();
    return event;
  }
};

struct CountingOutput final : Output {
  int events = 0;
  void event(const Event&, std::int64_t) override { ++events; }
  void tick(std::int64_t) override {}
  void uploaded(const UploadResult&, bool) override {}
  void failed(const Error&, int) override {}
  void done(const std::string&, const std::vector<std::pair<std::string, std::string>>&) override {}
  void finding(const Finding&) override {}
  void unfinished(const std::string&, const UnfinishedUpload&) override {}
  std::vector<std::string> notes;
  void note(NoteLevel, std::string_view text) override { notes.emplace_back(text); }
};

}  // namespace

TEST_CASE("a job is followed to its end and no event is lost") {
  FakeJob job;
  for (int i = 0; i < 9; ++i) job.events.push_back(FileHashed{});
  CountingOutput output;
  const WatchEnd end = watch(job.watched(), output);
  CHECK(end.result.has_value());
  CHECK(end.signal == 0);
  CHECK_FALSE(end.abandoned);
  CHECK(output.events == 9);
}

TEST_CASE("SIGUSR2 switches the rate limit and ends nothing") {
  FakeJob job;
  job.steps_left = 10;
  job.signals = {SIGUSR2, 0, SIGUSR2};
  CountingOutput output;
  const WatchEnd end = watch(job.watched(), output);
  CHECK(end.result.has_value());
  CHECK(end.signal == 0);
  CHECK_FALSE(job.cancelled);
  CHECK(output.notes == std::vector<std::string>{"switched 1", "switched 2"});
}

TEST_CASE("a signal asks the job to stop, and the error says how to go on") {
  FakeJob job;
  job.steps_left = 1000;
  job.signals = {0, SIGINT};
  job.result = fail(make_error(ErrorClass::cancelled, "cancelled", "m"));
  CountingOutput output;
  const WatchEnd end = watch(job.watched(), output);
  CHECK(job.cancelled);
  CHECK(end.signal == SIGINT);
  CHECK_FALSE(end.abandoned);
  REQUIRE_FALSE(end.result.has_value());
  CHECK(end.result.error().code == "interrupted");
  CHECK(end.result.error().kind == ErrorClass::cancelled);
  CHECK(end.result.error().hint == "go on");
}

TEST_CASE("what a job says of its commits is not lost by a signal") {
  CountingOutput output;
  for (const char* code : {"cancelled", "outcome_unknown"}) {
    FakeJob job;
    job.steps_left = 1000;
    job.signals = {SIGINT};
    job.result = fail(make_error(ErrorClass::cancelled, code, "m").hinting("look at http://h/me"));
    const WatchEnd end = watch(job.watched(), output);
    bool unknown = code == std::string_view("outcome_unknown");
    CHECK(end.result.error().code == (unknown ? "outcome_unknown" : "interrupted"));
    CHECK(end.result.error().hint == "look at http://h/me; go on");
  }
}

TEST_CASE("a job that ended well in spite of the signal has ended well") {
  FakeJob job;
  job.steps_left = 1000;
  job.signals = {SIGTERM};
  CountingOutput output;
  CHECK(watch(job.watched(), output).result.has_value());
}

TEST_CASE("a job that does not stop is left behind within a second, or at the second signal") {
  FakeJob slow;
  slow.steps_left = slow.steps_after_cancel = 1'000'000;
  slow.signals = {SIGINT};
  CountingOutput output;
  WatchEnd end = watch(slow.watched(), output);
  CHECK(end.abandoned);
  CHECK(slow.now_ms <= 1000);
  FakeJob twice;
  twice.steps_left = twice.steps_after_cancel = 1'000'000;
  twice.signals = {SIGINT, SIGINT};
  end = watch(twice.watched(), output);
  CHECK(end.abandoned);
  CHECK(twice.now_ms <= 200);
  CHECK(end.result.error().code == "interrupted");
}

TEST_CASE("signals are values") {
  Interrupts interrupts;
  CHECK(interrupts.take() == 0);
  ::raise(SIGINT);
  CHECK(interrupts.take() == SIGINT);
  CHECK(interrupts.take() == 0);
  ::raise(SIGTERM);
  CHECK(interrupts.take() == SIGTERM);
}

}  // namespace headrace
