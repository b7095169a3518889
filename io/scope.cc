#include "io/scope.h"

#include "io/worker.h"

namespace headrace {

struct Scope::Detached {
  struct promise_type {
    static void* operator new(std::size_t size) { return FrameCache::allocate(size); }
    static void operator delete(void* frame, std::size_t size) { FrameCache::release(frame, size); }
    Detached get_return_object() noexcept {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

Scope::Scope(Scope& parent, Duration time_limit) : worker_(parent.worker_), parent_(&parent) {
  next_ = parent.first_scope_;
  if (next_) next_->previous_ = this;
  parent.first_scope_ = this;
  cancelled_ = parent.cancelled_;
  limit(time_limit);
}

Scope::~Scope() {
  CHECK(children_ == 0);
  CHECK(first_wait_ == nullptr);
  CHECK(first_scope_ == nullptr);
  worker_.disarm(*this);
  if (!parent_) return;
  (previous_ ? previous_->next_ : parent_->first_scope_) = next_;
  if (next_) next_->previous_ = previous_;
}

void Scope::cancel() {
  if (cancelled_) return;
  cancelled_ = true;
  for (Wait* wait = first_wait_; wait;) {
    Wait* next = wait->next_;
    wait->cancel_wait();
    wait = next;
  }
  for (Scope* child = first_scope_; child; child = child->next_) child->cancel();
}

void Scope::limit(Duration time_limit) {
  worker_.disarm(*this);
  if (time_limit != Duration::max()) worker_.arm(*this, worker_.now() + time_limit);
}

void Scope::expired() {
  if (cancelled_) return;
  timed_out_ = true;
  cancel();
}

Scope::Detached Scope::run_child(Scope& scope, Task<void> task) {
  co_await task;
  task = Task<void>();  // what the child held is gone before its scope hears of it
  scope.child_ended();
}

void Scope::spawn(Task<void> task) {
  ++children_;
  worker_.ready(run_child(*this, std::move(task)).handle);
}

void Scope::child_ended() {
  CHECK(children_ > 0);
  if (--children_ == 0 && joiner_) worker_.ready(std::exchange(joiner_, nullptr));
}

void Scope::enter(Wait& wait) {
  wait.previous_ = nullptr;
  wait.next_ = first_wait_;
  if (first_wait_) first_wait_->previous_ = &wait;
  first_wait_ = &wait;
}

void Scope::leave(Wait& wait) {
  (wait.previous_ ? wait.previous_->next_ : first_wait_) = wait.next_;
  if (wait.next_) wait.next_->previous_ = wait.previous_;
}

}  // namespace headrace
