#include "io/call_on.h"

#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include "io/runtime.h"

namespace headrace {
namespace {

// Counts those that there are.
class Living {
 public:
  explicit Living(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Living() { --count_; }
  Living(const Living&) = delete;

 private:
  std::atomic<int>& count_;
};

using Number = std::unique_ptr<std::size_t>;

}  // namespace

TEST_CASE("a call from outside: its answer, when nothing of it is left") {
  Result<std::unique_ptr<Runtime>> runtime = Runtime::start(1, 1);
  REQUIRE(runtime);
  Worker& worker = (*runtime)->worker(0);
  std::atomic<int> living = 0;
  std::vector<std::jthread> threads;
  std::atomic<std::size_t> right = 0;
  constexpr std::size_t threads_count = 4, calls = 200;
  for (std::size_t thread = 0; thread < threads_count; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t i = 0; i < calls; ++i) {
        std::atomic<int> mine = 0;
        std::function<Task<Number>(Scope&)> function = [&](Scope& scope) -> Task<Number> {
          Living here(mine), anywhere(living);
          co_await scope.worker().sleep(scope, std::chrono::microseconds(i % 3));
          co_return std::make_unique<std::size_t>(thread * calls + i);
        };
        Number number = call_on(worker, function);
        if (mine == 0 && *number == thread * calls + i) ++right;
      }
    });
  }
  threads.clear();
  CHECK(right == threads_count * calls);
  CHECK(living == 0);
  (*runtime)->stop();
}

}  // namespace headrace
