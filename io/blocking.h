// blocking.h: jobs that block (names, directory walks, files of the hub), away from the workers.
// The other half of the seam: ThreadPool runs them on threads, the simulation at turns it chooses.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace headrace {

using Callback = std::move_only_function<void()>;

class Blocking {
 public:
  virtual ~Blocking() = default;
  // From any thread; runs `job` once, elsewhere. Jobs must not throw.
  virtual void run(Callback job) = 0;
};

// Up to `threads_max` threads, started when needed. Destruction waits for running jobs and drops
// those that have not begun.
class ThreadPool final : public Blocking {
 public:
  explicit ThreadPool(std::size_t threads_max = 8) : threads_max_(threads_max) {}
  ~ThreadPool() override;
  void run(Callback job) override;

 private:
  void work();

  const std::size_t threads_max_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  std::deque<Callback> jobs_;
  std::vector<std::jthread> threads_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace headrace
