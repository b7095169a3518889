// loop.h: one worker over the kernel ring in the calling thread, for tests: Loop loop;
// loop.run(task) steps until the task has ended. A test that watches the seam wraps the ring.
#pragma once

#include <functional>

#include <doctest/doctest.h>

#include "io/uring.h"
#include "io/worker.h"

namespace headrace {

class Loop {
 public:
  using Wrap = std::function<std::unique_ptr<Backend>(std::unique_ptr<Backend>)>;
  explicit Loop(const Wrap& wrap = {}) {
    Result<std::unique_ptr<Backend>> ring = make_uring();
    REQUIRE(ring);
    backend_ = wrap ? wrap(std::move(*ring)) : std::move(*ring);
    worker.emplace(*backend_, *pool_, 1);
    scope.emplace(*worker);
  }
  ~Loop() {
    scope.reset();
    while (worker->step(false)) {
    }
    pool_.reset();
    worker.reset();
  }
  void run(Task<void> task) {
    scope->spawn(std::move(task));
    while (scope->children() > 0) worker->step(true);
  }

 private:
  std::unique_ptr<ThreadPool> pool_ = std::make_unique<ThreadPool>();
  std::unique_ptr<Backend> backend_;

 public:
  std::optional<Worker> worker;
  std::optional<Scope> scope;
};

}  // namespace headrace
