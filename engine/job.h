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

  // How far it is; at any time.
  Progress progress() const;
  // The next event; Progress if none came in time; nothing once all events of an ended job are out.
  std::optional<Event> next_event(std::chrono::milliseconds timeout);
  bool ended() const;
  // Waits for the end, so long at most; whether it has come.
  bool wait_for_end(std::chrono::milliseconds timeout);
  // Waits for the end; once.
  Result<UploadResult> wait();
  // Asks for an early end; wait() then says `cancelled`, unless the work was already done.
  void cancel();

  // `function` is called after each event and at the end, on whatever thread that happens and with
  // the job locked: it neither waits nor calls the job. Null: no more, once this returns.
  void on_change(std::function<void()> function);

  // --- for the engine ---
  void event(Event event) override;
  // What cancel() calls; set once.
  void on_cancel(std::function<void()> function);
  void end(Result<UploadResult> result);

 private:
  void changed();
  std::uint64_t bytes_sent() const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  std::size_t dropped_ = 0;
  std::function<void()> cancel_;
  std::function<void()> on_change_;
  mutable std::atomic<std::uint64_t> sent_told_ = 0;
  bool cancelled_ = false;
  bool ended_ = false;
  std::optional<Result<UploadResult>> result_;
};

}  // namespace headrace
