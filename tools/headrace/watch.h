// watch.h: follows a running upload to its end, shows what it tells, and stops it when asked.
//
// The first signal that ends asks the job to stop and gives it 800 ms; then, or at the second one,
// the watch is over whatever the job does, and the caller ends the process. SIGUSR2 lifts the rate
// limit and puts it back. One thread; waits in steps of 100 ms inside the job's own queue.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "engine/event.h"
#include "engine/result.h"
#include "io/error.h"
#include "tools/headrace/output.h"

namespace headrace {

// A job, and what else the watch looks at; each is a call so that a test needs neither.
struct Watched {
  std::function<std::optional<Event>(std::chrono::milliseconds timeout)> next_event;
  std::function<bool()> ended;
  std::function<void()> cancel;
  std::function<Result<UploadResult>()> wait;
  std::function<int()> signal;                     // 0: none
  std::function<std::string()> switch_rate_limit;  // says what holds now
  std::function<std::int64_t()> now_ms;            // monotonic
  std::string after_stop;                          // what stays, and how to go on: for the error
};

struct WatchEnd {
  Result<UploadResult> result;
  int signal = 0;          // the first one that came
  bool abandoned = false;  // the job had not ended: its threads still run
};
WatchEnd watch(const Watched&, Output&);

}  // namespace headrace
