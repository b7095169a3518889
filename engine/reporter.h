// reporter.h: Reporter, how the flow tells what it does: events for people, counters for progress.
// Thread-safe; never blocks, never fails.
#pragma once

#include <atomic>

#include "engine/event.h"

namespace headrace {

struct Counters {
  std::atomic<std::uint64_t> files_total{0};
  std::atomic<std::uint64_t> files_done{0};
  std::atomic<std::uint64_t> bytes_total{0};
  std::atomic<std::uint64_t> bytes_hashed{0};
  std::atomic<std::uint64_t> bytes_sent{0};       // of bodies, what was sent twice counted twice
  std::atomic<std::uint64_t> bytes_confirmed{0};  // of content, once
  std::atomic<std::uint64_t> bytes_on_way{0};     // of parts being sent, what has arrived of them
  std::atomic<std::uint64_t> bytes_to_send{0};    // known so far to need sending
  std::atomic<std::uint64_t> retries{0};
  std::atomic<std::uint64_t> refusals{0};  // answers 429 and 503 to content
};

class Reporter {
 public:
  virtual ~Reporter() = default;
  virtual void event(Event event) = 0;
  void note(NoteLevel level, std::string text) { event(Note{level, std::move(text)}); }

  Counters counters;
};

}  // namespace headrace
