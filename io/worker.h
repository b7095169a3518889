// worker.h: Worker, one steppable loop of coroutines over one backend.
//
// It owns no thread: Runtime gives each worker one, the simulation steps any number of them in one.
// Everything here is for the thread that steps the worker, but for send(). What a coroutine can
// wait for: the operations below, sleep, and blocking jobs; each takes the scope it belongs to and
// completes early when that is cancelled. Nothing here allocates per operation.
#pragma once

#include <cerrno>
#include <coroutine>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/backend.h"
#include "io/blocking.h"
#include "io/prng.h"
#include "io/scope.h"
#include "io/timer_heap.h"

namespace headrace {

// Waits for one operation. Resumes with its result: bytes, a file, 0, or -errno.
class [[nodiscard]] OperationWait final : public Wait {
 public:
  // `hold` keeps the bytes until they are released; without it the wait lasts until then.
  OperationWait(Scope& scope, const Operation& operation, Slice hold = Slice())
      : scope_(scope), operation_(operation), hold_(std::move(hold)) {}
  // Closing is never cut short.
  OperationWait&& unstoppable() && {
    stoppable_ = false;
    return std::move(*this);
  }

  bool await_ready() const noexcept { return stoppable_ && scope_.cancelled(); }
  void await_suspend(std::coroutine_handle<> handle);
  int await_resume();
  void cancel_wait() override;

 private:
  friend class Worker;
  Scope& scope_;
  Operation operation_;
  Slice hold_;
  Pending* pending_ = nullptr;  // until it may resume
  std::coroutine_handle<> handle_;
  int result_ = -ECANCELED;
  bool stoppable_ = true;
  bool entered_ = false;
};

// Waits for a moment; resumes with false if the scope was cancelled before.
class [[nodiscard]] SleepWait final : public Wait, private Timer {
 public:
  SleepWait(Scope& scope, Duration duration) : scope_(scope), duration_(duration) {}
  bool await_ready() const noexcept { return scope_.cancelled(); }
  void await_suspend(std::coroutine_handle<> handle);
  bool await_resume();
  void cancel_wait() override;

 private:
  void expired() override;
  Scope& scope_;
  Duration duration_;
  std::coroutine_handle<> handle_;
  bool slept_ = false;
};

class Worker {
 public:
  Worker(Backend& backend, Blocking& blocking, std::uint64_t seed, std::size_t index = 0)
      : backend_(backend), blocking_(blocking), prng_(seed), index_(index) {}
  ~Worker();  // nothing is pending

  std::size_t index() const { return index_; }
  Backend& backend() { return backend_; }
  Blocking& blocking_jobs() { return blocking_; }
  Prng& prng() { return prng_; }
  Time now() { return backend_.now(); }

  // One turn: messages, timers, what is ready, completions. Waits for something to happen if there
  // is nothing to do and `may_wait`. Returns whether anything was done.
  bool step(bool may_wait);
  // Nothing pending, ready, timed or in the mailbox.
  bool idle();
  std::size_t pending_count() const { return pending_count_; }

  void ready(std::coroutine_handle<> handle) { ready_.push_back(handle); }
  void arm(Timer& timer, Time at) { timers_.arm(timer, at); }
  void disarm(Timer& timer) { timers_.disarm(timer); }
  // From any thread: runs `message` on this worker, in the order of sending.
  void send(Callback message);

  // --- what a coroutine may wait for: `int result = co_await worker.read(…)` ---
  OperationWait open(Scope& scope, const char* path) {
    return {scope, {.kind = Operation::Kind::open, .path = path}};
  }
  OperationWait stat(Scope& scope, int file, FileStatus& status) {
    return {scope, {.kind = Operation::Kind::stat, .file = file, .status = &status}};
  }
  // Up to `into.size()` bytes at `offset`; short only where the file or the disk makes it so.
  OperationWait read(Scope& scope, int file, std::span<std::byte> into, std::uint64_t offset) {
    return {scope,
            {.kind = Operation::Kind::read,
             .file = file,
             .data = into.data(),
             .size = static_cast<std::uint32_t>(into.size()),
             .offset = offset}};
  }
  OperationWait connect(Scope& scope, int socket, const SocketAddress& address) {
    return {scope, {.kind = Operation::Kind::connect, .file = socket, .address = &address}};
  }
  OperationWait accept(Scope& scope, int socket) {
    return {scope, {.kind = Operation::Kind::accept, .file = socket}};
  }
  OperationWait receive(Scope& scope, int socket, std::span<std::byte> into) {
    return {scope,
            {.kind = Operation::Kind::receive,
             .file = socket,
             .data = into.data(),
             .size = static_cast<std::uint32_t>(into.size())}};
  }
  // All of `bytes`, or an error. They lie in the block of `hold`, or in the caller's memory.
  OperationWait send(Scope& scope, int socket, std::span<const std::byte> bytes,
                     Slice hold = Slice()) {
    return {scope,
            {.kind = Operation::Kind::send,
             .file = socket,
             .data = const_cast<std::byte*>(bytes.data()),
             .size = static_cast<std::uint32_t>(bytes.size())},
            std::move(hold)};
  }
  OperationWait shutdown(Scope& scope, int socket) {
    return OperationWait(scope, {.kind = Operation::Kind::shutdown, .file = socket}).unstoppable();
  }
  OperationWait close(Scope& scope, int file) {
    return OperationWait(scope, {.kind = Operation::Kind::close, .file = file}).unstoppable();
  }
  SleepWait sleep(Scope& scope, Duration duration) { return {scope, duration}; }

 private:
  friend class OperationWait;
  Pending& take_pending();
  void submit(OperationWait& wait);
  void complete(const Completion& completion);
  bool run_messages();
  bool run_ready();
  bool run_timers();

  Backend& backend_;
  Blocking& blocking_;
  Prng prng_;
  const std::size_t index_;
  TimerHeap timers_;
  // Two vectors that change places: a deque would allocate a node every 64 turns.
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;
  std::vector<Completion> completions_;
  std::vector<std::unique_ptr<Pending>> pendings_;
  Pending* free_pending_ = nullptr;
  std::size_t pending_count_ = 0;

  std::mutex mailbox_mutex_;
  std::vector<Callback> mailbox_;
  std::vector<Callback> messages_;
};

// Runs `function` as a blocking job and resumes with its result, or with nothing if `scope` was
// cancelled before it ended; the job then runs to its end unheard, so it must own all it touches.
template <class Function>
class [[nodiscard]] BlockingWait final : public Wait {
 public:
  using Value = std::invoke_result_t<Function>;
  BlockingWait(Scope& scope, Function function) : scope_(scope), function_(std::move(function)) {}

  bool await_ready() const noexcept { return scope_.cancelled(); }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    shared_ = std::make_shared<Shared>();
    shared_->waiter = this;
    scope_.enter(*this);
    scope_.worker().blocking_jobs().run(
        [shared = shared_, function = std::move(function_), worker = &scope_.worker()]() mutable {
          shared->value.emplace(function());
          Worker& target = *worker;
          target.send([shared = std::move(shared)] {
            if (shared->waiter) shared->waiter->resume();
          });
        });
  }
  std::optional<Value> await_resume() { return shared_ ? std::move(shared_->value) : std::nullopt; }
  void cancel_wait() override {
    // The value may be written at this very moment: this wait leaves it alone.
    shared_->waiter = nullptr;
    shared_.reset();
    scope_.leave(*this);
    left_ = true;
    scope_.worker().ready(handle_);
  }

 private:
  struct Shared {
    BlockingWait* waiter = nullptr;  // of the worker's thread
    std::optional<Value> value;      // written by the job before it sends its message
  };
  void resume() {
    if (!left_) scope_.leave(*this);
    handle_.resume();
  }
  Scope& scope_;
  Function function_;
  std::coroutine_handle<> handle_;
  std::shared_ptr<Shared> shared_;
  bool left_ = false;
};

template <class Function>
BlockingWait<Function> blocking(Scope& scope, Function function) {
  return BlockingWait<Function>(scope, std::move(function));
}

}  // namespace headrace
