#include "io/worker.h"

#include "io/planted.h"

namespace headrace {

void OperationWait::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  entered_ = stoppable_;
  if (entered_) scope_.enter(*this);
  scope_.worker().submit(*this);
}

int OperationWait::await_resume() {
  if (entered_) scope_.leave(*this);
  return result_;
}

void OperationWait::cancel_wait() {
  if (pending_ && !pending_->done) scope_.worker().backend().cancel(*pending_);
}

void SleepWait::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  scope_.enter(*this);
  scope_.worker().arm(*this, scope_.worker().now() + duration_);
}

bool SleepWait::await_resume() {
  if (handle_) scope_.leave(*this);
  return slept_;
}

void SleepWait::cancel_wait() {
  if (!armed()) return;
  scope_.worker().disarm(*this);
  scope_.worker().ready(handle_);
}

void SleepWait::expired() {
  slept_ = true;
  scope_.worker().ready(handle_);
}

Worker::~Worker() { CHECK(pending_count_ == 0 && ready_.empty() && timers_.empty()); }

Pending& Worker::take_pending() {
  if (!free_pending_) {
    pendings_.push_back(std::make_unique<Pending>());
    free_pending_ = pendings_.back().get();
  }
  Pending& pending = *free_pending_;
  free_pending_ = pending.next;
  ++pending_count_;
  return pending;
}

void Worker::submit(OperationWait& wait) {
  Pending& pending = take_pending();
  pending.operation = wait.operation_;
  pending.wait_for_release = !wait.hold_;
  pending.hold = std::move(wait.hold_);
  pending.waiter = &wait;
  pending.worker = this;
  pending.done = false;
  pending.released = false;
  pending.next = nullptr;
  pending.backend_state = nullptr;
  wait.pending_ = &pending;
  backend_.submit(pending);
}

void Worker::complete(const Completion& completion) {
  Pending& pending = *completion.pending;
  if (completion.done) {
    CHECK(!pending.done);
    pending.done = true;
    pending.result = completion.result;
    if (planted(Planted::early_release)) pending.hold = Slice();
  }
  if (completion.released) {
    CHECK(!pending.released);
    pending.released = true;
    pending.hold = Slice();
  }
  bool may_resume = pending.done && (pending.released || !pending.wait_for_release);
  if (may_resume && pending.waiter) {
    OperationWait& wait = *std::exchange(pending.waiter, nullptr);
    wait.result_ = pending.result;
    wait.pending_ = nullptr;
    ready_.push_back(wait.handle_);
  }
  if (pending.done && pending.released) {
    pending.next = free_pending_;
    free_pending_ = &pending;
    --pending_count_;
  }
}

bool Worker::idle() {
  std::lock_guard lock(mailbox_mutex_);
  return pending_count_ == 0 && ready_.empty() && timers_.empty() && mailbox_.empty();
}

void Worker::send(Callback message) {
  bool first = false;
  {
    std::lock_guard lock(mailbox_mutex_);
    first = mailbox_.empty();
    mailbox_.push_back(std::move(message));
  }
  if (first) backend_.wake();
}

bool Worker::run_messages() {
  {
    std::lock_guard lock(mailbox_mutex_);
    std::swap(messages_, mailbox_);
  }
  if (messages_.empty()) return false;
  for (Callback& message : messages_) {
    message();
    message = nullptr;
  }
  messages_.clear();
  return true;
}

bool Worker::run_ready() {
  // What becomes ready meanwhile waits for the next turn, so that completions are not starved.
  if (ready_.empty()) return false;
  std::swap(ready_, running_);
  for (std::coroutine_handle<> handle : running_) handle.resume();
  running_.clear();
  return true;
}

bool Worker::run_timers() {
  if (timers_.empty()) return false;
  Time now = backend_.now();
  bool any = false;
  while (Timer* timer = timers_.pop(now)) {
    timer->expired();
    any = true;
  }
  return any;
}

bool Worker::step(bool may_wait) {
  bool did = run_messages();
  did = run_timers() || did;
  did = run_ready() || did;
  bool wait = may_wait && !did && ready_.empty();
  completions_.clear();
  backend_.wait(wait ? timers_.next() : Time::min(), completions_);
  for (const Completion& completion : completions_) complete(completion);
  return did || !completions_.empty();
}

}  // namespace headrace
