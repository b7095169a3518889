// runtime.h: Runtime, a thread and a kernel ring for each worker, started and stopped in order.
//
// start() returns when every worker runs, or with the first error. Work is handed in by
// worker(i).send(…). stop() (or destruction) may be called once all work has ended: a worker that
// still waits for an operation ends the process. Blocking jobs run on a pool of the runtime's.
// None of its threads takes a signal: those of the process are for the threads of whoever it is.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "io/worker.h"

namespace headrace {

class Runtime {
 public:
  static Result<std::unique_ptr<Runtime>> start(std::size_t workers, std::uint64_t seed);
  ~Runtime() { stop(); }

  std::size_t size() const { return threads_.size(); }
  Worker& worker(std::size_t index) { return *threads_[index]->worker; }
  void stop();

 private:
  struct Thread {
    std::unique_ptr<Backend> backend;
    std::unique_ptr<Worker> worker;
    std::atomic<bool> stopping = false;
    std::jthread thread;
  };
  Runtime() = default;
  Status start_worker(std::size_t index, std::uint64_t seed);

  std::vector<std::unique_ptr<Thread>> threads_;
  std::unique_ptr<ThreadPool> blocking_ = std::make_unique<ThreadPool>();
};

}  // namespace headrace
