// scope.h: Scope, the owner of what runs under it.
//
// A scope lives in a coroutine's frame (or at the root of a worker's work), owns the tasks spawned
// into it, and passes cancellation down: to what its coroutines wait for and to the scopes made
// under it. Everything that waits takes a Scope&. `co_await scope.join()` before the scope dies:
// a scope that ends with a child ends the process.
//
// Cancelling only asks: each wait still completes (with -ECANCELED), so memory handed to the kernel
// stays valid. It never resumes anybody by itself. A scope with a time limit cancels itself when
// the time is up and then says timed_out(). One thread: its worker's.
#pragma once

#include <coroutine>

#include "io/clock.h"
#include "io/task.h"

namespace headrace {

class Worker;
class Scope;

// Something a coroutine waits for, registered with its scope while it waits.
class Wait {
 public:
  virtual void cancel_wait() = 0;  // asks only; called at most once
 protected:
  ~Wait() = default;

 private:
  friend class Scope;
  Wait* previous_ = nullptr;
  Wait* next_ = nullptr;
};

// A moment at which a worker calls back. Owned by whoever armed it; see Worker::arm.
class Timer {
 public:
  virtual void expired() = 0;
  bool armed() const { return index_ != unarmed; }

 protected:
  ~Timer() { DCHECK(!armed()); }

 private:
  friend class TimerHeap;
  static constexpr std::size_t unarmed = static_cast<std::size_t>(-1);
  std::size_t index_ = unarmed;
  Time at_{};
  std::uint64_t sequence_ = 0;
};

class Scope final : private Timer {
 public:
  explicit Scope(Worker& worker) : worker_(worker) {}
  // Cancelled with its parent; `limit` from now on, if given.
  explicit Scope(Scope& parent, Duration limit = Duration::max());
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  Worker& worker() const { return worker_; }
  bool cancelled() const { return cancelled_; }
  // The time limit of this scope, not of one above it, was the reason.
  bool timed_out() const { return timed_out_; }
  void cancel();
  // A new time limit from now on, in place of the old one; Duration::max() for none.
  void limit(Duration);

  // Starts `task` on this worker, at its next turn.
  void spawn(Task<void> task);
  // Resumes when no child is left. Cancelling does not cut it short.
  auto join() {
    struct Await {
      Scope& scope;
      bool await_ready() const noexcept { return scope.children_ == 0; }
      void await_suspend(std::coroutine_handle<> handle) noexcept { scope.joiner_ = handle; }
      void await_resume() const noexcept {}
    };
    return Await{*this};
  }
  std::size_t children() const { return children_; }

  // For awaitables: between these two calls cancel() reaches `wait`.
  void enter(Wait& wait);
  void leave(Wait& wait);

 private:
  void expired() override;
  void child_ended();
  struct Detached;
  static Detached run_child(Scope& scope, Task<void> task);

  Worker& worker_;
  Scope* parent_ = nullptr;
  Scope* previous_ = nullptr;  // siblings
  Scope* next_ = nullptr;
  Scope* first_scope_ = nullptr;
  Wait* first_wait_ = nullptr;
  std::size_t children_ = 0;
  std::coroutine_handle<> joiner_;
  bool cancelled_ = false;
  bool timed_out_ = false;
};

}  // namespace headrace
