// call_on.h: a coroutine called by a thread that is no worker's.
//
// call_on() runs it on `worker`, under a scope of its own, and blocks until that has ended: when it
// returns, nothing of the call is left. Several threads may call at once. Never from a worker's
// thread, which would wait for itself. What the coroutine returns need only be movable.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>

#include "io/worker.h"

namespace headrace {
namespace detail {

template <class Value>
struct CallUnderWay {
  std::optional<Scope> scope;
  std::promise<Value> answer;
};

template <class Value>
Task<void> run_call(std::shared_ptr<CallUnderWay<Value>> call,
                    const std::function<Task<Value>(Scope&)>& function) {
  Scope& scope = *call->scope;
  Value value = co_await function(scope);
  // The scope ends after this coroutine has, at the worker's next messages.
  scope.worker().send([call, value = std::move(value)]() mutable {
    call->scope.reset();
    call->answer.set_value(std::move(value));
  });
}

}  // namespace detail

template <class Value>
Value call_on(Worker& worker, const std::function<Task<Value>(Scope&)>& function) {
  auto call = std::make_shared<detail::CallUnderWay<Value>>();
  std::future<Value> answer = call->answer.get_future();
  worker.send([call = std::move(call), &worker, &function] {
    call->scope.emplace(worker);
    call->scope->spawn(detail::run_call<Value>(call, function));
  });
  return answer.get();
}

}  // namespace headrace
