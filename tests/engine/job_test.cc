#include "engine/job.h"

#include <thread>

#include <doctest/doctest.h>

namespace headrace {
namespace {

constexpr std::chrono::milliseconds at_once(0);

template <class E>
const E* as(const std::optional<Event>& event) {
  return event ? std::get_if<E>(&*event) : nullptr;
}

}  // namespace

TEST_CASE("events come in order, progress where there is none, nothing after the end") {
  Job job;
  job.event(FileHashed{.path = "a"});
  job.event(FileHashed{.path = "b"});
  job.counters.bytes_hashed = 7;
  CHECK(as<FileHashed>(job.next_event(at_once))->path == "a");
  CHECK(as<FileHashed>(job.next_event(at_once))->path == "b");
  CHECK(as<Progress>(job.next_event(at_once))->bytes_hashed == 7);
  job.event(FileHashed{.path = "c"});
  job.end(UploadResult{.url = "u"});
  CHECK(job.ended());
  CHECK(as<FileHashed>(job.next_event(at_once))->path == "c");
  CHECK_FALSE(job.next_event(at_once));
  CHECK(job.wait()->url == "u");
}

TEST_CASE("progress counts what has arrived of parts, and never goes back") {
  Job job;
  job.counters.bytes_to_send = 100;
  job.counters.bytes_on_way = 30;
  CHECK(job.progress().bytes_sent == 30);
  job.counters.bytes_on_way = 0;  // sent again
  CHECK(job.progress().bytes_sent == 30);
  job.counters.bytes_confirmed = 60;
  job.counters.bytes_on_way = 80;  // a late part, twice
  CHECK(job.progress().bytes_sent == 100);
}

TEST_CASE("a reader that never reads stalls nobody, and hears how much it has missed") {
  Job job;
  for (std::size_t i = 0; i < Job::events_max + 3; ++i) job.event(FileHashed{.size = i});
  for (std::size_t i = 0; i < Job::events_max; ++i) {
    CHECK(as<FileHashed>(job.next_event(at_once))->size == i);
  }
  CHECK(as<Note>(job.next_event(at_once))->text.starts_with("3 events"));
  CHECK(as<Progress>(job.next_event(at_once)));
}

TEST_CASE("a job is cancelled once, from any thread, and not after its end") {
  Job job;
  std::atomic<int> cancelled = 0;
  job.on_cancel([&] { ++cancelled; });
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { job.cancel(); });
  threads.clear();
  CHECK(cancelled == 1);
  Job over;
  over.on_cancel([&] { ++cancelled; });
  over.end(UploadResult{});
  over.cancel();
  CHECK(cancelled == 1);
}

TEST_CASE("who waits sleeps until there is something, in another thread too") {
  Job job;
  std::jthread work([&job] {
    job.event(Note{.text = "hello"});
    job.end(fail(make_error(ErrorClass::fail, "x", "m")));
  });
  // An hour without an event would fail by the limit of the test.
  CHECK(as<Note>(job.next_event(std::chrono::hours(1)))->text == "hello");
  CHECK_FALSE(job.next_event(std::chrono::hours(1)));
  CHECK(job.wait().error().code == "x");
}

}  // namespace headrace
