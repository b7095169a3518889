// job.h: Job, one piece of work that the engine does, as its owner sees it. Thread-safe.
//
// Events are queued up to `events_max`; what comes when the queue is full is counted and said by a
// Note, so that a slow reader never stalls a worker. A Job may be dropped before it has ended; the
// work goes on and its outcome is lost.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "engine/reporter.h"

namespace headrace {

class Job final : public Reporter {
 public:
  static constexpr std::size_t events_max = 4096;

  // The next event; Progress if none came in time; nothing once all events of an ended job are out.
  std::optional<Event> next_event(std::chrono::milliseconds timeout);
  bool ended() const;
  // Waits for the end; once.
  Result<UploadResult> wait();
  // Asks for an early end; wait() then says `cancelled`, unless the work was already done.
  void cancel();

  // --- for the engine ---
  void event(Event event) override;
  // What cancel() calls; set once.
  void on_cancel(std::function<void()> function);
  void end(Result<UploadResult> result);

 private:
  Progress progress() const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  std::size_t dropped_ = 0;
  std::function<void()> cancel_;
  bool cancelled_ = false;
  bool ended_ = false;
  std::optional<Result<UploadResult>> result_;
};

}  // namespace headrace
