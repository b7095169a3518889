// board.h: Board, where lanes of all workers get their work: the pure scheduler under one mutex,
// and the lanes that wait for it.
//
// A lane calls `co_await board.take(scope, lane)` and reports by `board.report([&](Scheduler& s)
// {…})`; each report hands out what it made possible, on the lanes' own workers. take() gives
// nothing once all is done, the board was closed, or the scope was cancelled. Thread-safe. Reports
// must not block.
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "engine/scheduler.h"
#include "io/worker.h"

namespace headrace {

class Board {
 public:
  explicit Board(SchedulerLimits limits = {}) : scheduler_(limits) {}

  class Take final : public Wait {
   public:
    Take(Board& board, Scope& scope, Lane lane) : board_(board), scope_(scope), lane_(lane) {}
    bool await_ready() const noexcept { return scope_.cancelled(); }
    bool await_suspend(std::coroutine_handle<> handle);
    std::optional<Work> await_resume();
    void cancel_wait() override;

   private:
    friend class Board;
    void wake_locked();
    Board& board_;
    Scope& scope_;
    const Lane lane_;
    std::coroutine_handle<> handle_;
    std::optional<Work> work_;
    bool parked_ = false;
  };
  [[nodiscard]] Take take(Scope& scope, Lane lane) { return Take(*this, scope, lane); }

  template <class Function>
  auto report(Function function) {
    std::lock_guard lock(mutex_);
    if constexpr (std::is_void_v<std::invoke_result_t<Function, Scheduler&>>) {
      function(scheduler_);
      serve_locked();
    } else {
      auto result = function(scheduler_);
      serve_locked();
      return result;
    }
  }
  // Nobody gets work any more; what is under way may end.
  void close();
  bool closed() const;

 private:
  bool over_locked() const { return closed_ || scheduler_.finished(); }
  void serve_locked();

  mutable std::mutex mutex_;
  Scheduler scheduler_;
  std::vector<Take*> parked_;  // in the order of asking
  bool closed_ = false;
};

}  // namespace headrace
