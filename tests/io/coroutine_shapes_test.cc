// A test of the compiler, not of us: the shapes of coroutine that some compilers get wrong without
// a word (GCC 12 skips bodies after `if (co_await …)`, and destroys an aggregate's elements twice).
// Each shape suspends at every co_await and is resumed from outside.
#include <coroutine>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "io/task.h"

namespace headrace {
namespace {

std::deque<std::coroutine_handle<>> ready;

// Suspends, and gives `value` when the loop below comes round.
struct Later {
  int value;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) { ready.push_back(handle); }
  int await_resume() const noexcept { return value; }
};

// Starts at once and is destroyed by whoever made it.
struct Root {
  struct promise_type {
    Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

Root await_into(Task<int> task, int& result) { result = co_await task; }

int run(Task<int> task) {
  int result = -1;
  Root root = await_into(std::move(task), result);
  while (!ready.empty()) {
    std::coroutine_handle<> next = ready.front();
    ready.pop_front();
    next.resume();
  }
  CHECK(root.handle.done());
  root.handle.destroy();
  return result;
}

// Counts how many are alive, and how often one was destroyed.
struct Counted {
  static inline int alive = 0;
  static inline int ended = 0;
  int value = 0;
  explicit Counted(int number) : value(number) { ++alive; }
  Counted(const Counted& other) : value(other.value) { ++alive; }
  Counted(Counted&& other) noexcept : value(std::exchange(other.value, 0)) { ++alive; }
  Counted& operator=(const Counted&) = default;
  ~Counted() {
    --alive;
    ++ended;
  }
};

Task<Counted> counted(int number) {
  int value = co_await Later{number};
  co_return Counted(value);
}
Task<std::unique_ptr<int>> boxed(int number) {
  int value = co_await Later{number};
  co_return std::make_unique<int>(value);
}
Task<std::vector<int>> listed() {
  int first = co_await Later{1};
  co_return std::vector<int>{first, 2, 3};
}
Task<int> length(const std::string& text) {
  co_await Later{0};
  co_return static_cast<int>(text.size());
}
int join(int a, int b, int c) { return a * 100 + b * 10 + c; }

Task<int> in_if() {
  if (co_await Later{-1} < 0) co_return 1;
  co_return 2;
}
Task<int> in_if_else() {
  if (co_await Later{1} < 0) {
    co_return 1;
  } else if (co_await Later{2} == 2) {
    co_return 3;
  }
  co_return 2;
}
Task<int> in_if_with_initialiser() {
  if (int result = co_await Later{7}; result > 0) co_return result;
  co_return 0;
}
Task<int> in_while() {
  static int left;
  left = 3;
  while (co_await Later{left} > 0) --left;
  co_return left + 10;
}
Task<int> in_do_while() {
  int rounds = 0;
  do ++rounds;
  while (co_await Later{rounds} < 4);
  co_return rounds;
}
Task<int> in_switch() {
  switch (co_await Later{2}) {
    case 1:
      co_return 10;
    case 2:
      co_return 20;
    default:
      co_return 30;
  }
}
Task<int> in_for() {
  int sum = 0;
  for (int i = co_await Later{1}; i < co_await Later{4}; i += co_await Later{1}) sum += i;
  co_return sum;
}
Task<int> in_range_for() {
  int sum = 0;
  for (int number : co_await listed()) sum += co_await Later{number};
  co_return sum;
}
Task<int> in_structured_binding() {
  int sum = 0;
  for (int i = 0; i < 3; ++i) {
    auto [a, b] = std::pair(co_await Later{i}, co_await Later{10});
    sum += a + b;
  }
  co_return sum;
}
Task<int> in_arguments() {
  co_return join(co_await Later{1}, co_await Later{2}, co_await Later{3});
}
Task<int> in_conditional() { co_return co_await Later{1} ? co_await Later{5} : co_await Later{6}; }
Task<int> in_short_circuit() {
  bool both = co_await Later{1} && co_await Later{0};
  bool either = co_await Later{1} || co_await Later{0};
  co_return (both ? 10 : 0) + (either ? 1 : 0);
}
Task<int> in_compound_assignment() {
  int sum = 1;
  sum += co_await Later{2};
  sum *= co_await Later{3};
  co_return sum;
}
Task<int> in_aggregate() {
  struct Pair {
    Counted a, b;
  };
  Pair pair{co_await counted(3), co_await counted(4)};
  co_return pair.a.value * 10 + pair.b.value;
}
Task<int> with_temporary() { co_return co_await length(std::string(40, 'x') + "y"); }
Task<int> with_move_only_result() {
  std::unique_ptr<int> box = co_await boxed(8);
  co_return *box + *co_await boxed(1);
}
Task<int> with_early_return() {
  for (int i = 0; i < 5; ++i) {
    Counted guard(i);
    if (co_await Later{i} == 2) co_return guard.value;
  }
  co_return -1;
}
Task<int> with_lambda() {
  auto twice = [](int number) -> Task<int> {
    int value = co_await Later{number};
    co_return value * 2;
  };
  co_return co_await twice(3) + co_await twice(4);
}
Task<int> deep(int depth) {
  if (depth == 0) co_return co_await Later{0};
  co_return co_await deep(depth - 1) + 1;
}

struct Shape {
  const char* name;
  Task<int> (*body)();
  int expected;
};
constexpr Shape shapes[] = {
    {"if", in_if, 1},
    {"if else", in_if_else, 3},
    {"if with an initialiser", in_if_with_initialiser, 7},
    {"while", in_while, 10},
    {"do while", in_do_while, 4},
    {"switch", in_switch, 20},
    {"for", in_for, 6},
    {"range for", in_range_for, 6},
    {"structured binding", in_structured_binding, 33},
    {"arguments", in_arguments, 123},
    {"conditional", in_conditional, 5},
    {"short circuit", in_short_circuit, 1},
    {"compound assignment", in_compound_assignment, 9},
    {"aggregate", in_aggregate, 34},
    {"temporary", with_temporary, 41},
    {"move-only result", with_move_only_result, 9},
    {"early return", with_early_return, 2},
    {"lambda", with_lambda, 14},
};

TEST_CASE("the compiler runs every shape of coroutine, and destroys each object once") {
  for (const Shape& shape : shapes) {
    CAPTURE(shape.name);
    Counted::alive = 0;
    CHECK(run(shape.body()) == shape.expected);
    CHECK(Counted::alive == 0);
  }
  CHECK(run(deep(1000)) == 1000);
}

TEST_CASE("a coroutine that is destroyed where it waits destroys what it holds, once") {
  Counted::alive = Counted::ended = 0;
  int result = 0;
  Root root = await_into(with_early_return(), result);
  CHECK(Counted::alive == 1);
  root.handle.destroy();
  ready.clear();
  CHECK(Counted::alive == 0);
  CHECK(Counted::ended == 1);
}

}  // namespace
}  // namespace headrace
