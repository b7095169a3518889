#include "io/runtime.h"

#include <csignal>
#include <future>

#include "io/uring.h"

namespace headrace {
namespace {

// No signal reaches this thread while it lives, nor ever the threads that are started meanwhile.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    CHECK(::pthread_sigmask(SIG_SETMASK, &all, &before_) == 0);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::start(std::size_t workers, std::uint64_t seed) {
  std::unique_ptr<Runtime> runtime(new Runtime());
  for (std::size_t index = 0; index < workers; ++index) {
    Status started = runtime->start_worker(index, seed + index);
    if (!started) return fail(std::move(started.error()));
  }
  return runtime;
}

Status Runtime::start_worker(std::size_t index, std::uint64_t seed) {
  auto owned = std::make_unique<Thread>();
  Thread& thread = *owned;
  std::promise<Status> started;
  std::future<Status> answer = started.get_future();
  SignalsBlocked while_it_starts;
  // The ring belongs to the thread that makes it.
  thread.thread =
      std::jthread([this, &thread, index, seed, started = std::move(started)]() mutable {
        Result<std::unique_ptr<Backend>> ring = make_uring();
        if (!ring) return started.set_value(fail(std::move(ring.error())));
        thread.backend = std::move(*ring);
        thread.worker = std::make_unique<Worker>(*thread.backend, *blocking_, seed, index);
        started.set_value({});
        while (!thread.stopping.load(std::memory_order_acquire)) thread.worker->step(true);
        while (thread.worker->step(false)) {
        }
      });
  Status status = answer.get();
  if (status) threads_.push_back(std::move(owned));
  return status;
}

void Runtime::stop() {
  for (auto& thread : threads_) {
    // The flag is set on the worker itself, so that it is seen after what was sent before.
    thread->worker->send([stopping = &thread->stopping] { stopping->store(true); });
  }
  for (auto& thread : threads_) thread->thread.join();
  blocking_.reset();  // a job that ends now still finds its worker
  threads_.clear();
}

}  // namespace headrace
