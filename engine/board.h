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
  explicit Board(SchedulerLimits limits = {},
                 std::unique_ptr<Ledger> ledger = std::make_unique<MemoryLedger>())
      : scheduler_(limits, std::move(ledger)) {}

  class Take final : public Wait {
   public:
    Take(Board& board, Scope& scope, Lane lane, std::uint32_t rank)
        : board_(board), scope_(scope), lane_(lane), rank_(rank) {}
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
    const std::uint32_t rank_;
    std::coroutine_handle<> handle_;
    std::optional<Work> work_;
    bool parked_ = false;
  };
  // Of those that wait, the lowest rank is served first: a worker's first lane has rank 0, its
  // second 1, so that a few files spread over all workers.
  [[nodiscard]] Take take(Scope& scope, Lane lane, std::uint32_t rank = 0) {
    return Take(*this, scope, lane, rank);
  }

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
  std::vector<Take*> parked_;  // by rank, then in the order of asking
  bool closed_ = false;
};

}  // namespace headrace
