// task.h: Task<T>, a lazy coroutine that one other coroutine awaits.
//
// It starts when it is awaited, runs on the awaiter's worker and hands its result over by symmetric
// transfer. A Task owns its frame. Frames come from a free list of their thread, so a child
// coroutine in a loop costs no call of the allocator. Exceptions must not leave a Task: the process
// ends. A Task is started by `co_await` or by Scope::spawn, never by hand.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "io/check.h"

namespace headrace {

// Frames of one thread, kept by size for the next coroutine.
class FrameCache {
 public:
  static void* allocate(std::size_t size) {
    std::size_t index = index_of(size);
    if (index >= class_count || !enabled) return ::operator new(size);
    FrameCache& cache = local();
    if (Node* node = cache.lists_[index]) {
      cache.lists_[index] = node->next;
      --cache.counts_[index];
      return node;
    }
    return ::operator new((index + 1) * class_size);
  }
  static void release(void* frame, std::size_t size) {
    std::size_t index = index_of(size);
    if (index >= class_count || !enabled) return ::operator delete(frame);
    FrameCache& cache = local();
    if (cache.counts_[index] >= frames_per_class_max) return ::operator delete(frame);
    Node* node = static_cast<Node*>(frame);
    node->next = cache.lists_[index];
    cache.lists_[index] = node;
    ++cache.counts_[index];
  }
  ~FrameCache() {
    for (Node* node : lists_) {
      while (node) ::operator delete(std::exchange(node, node->next));
    }
  }

 private:
  struct Node {
    Node* next;
  };
  // Sanitizers see a use of a dead frame only if it really goes back to the allocator.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  static constexpr bool enabled = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  static constexpr bool enabled = false;
#else
  static constexpr bool enabled = true;
#endif
#else
  static constexpr bool enabled = true;
#endif
  static constexpr std::size_t class_size = 128;
  static constexpr std::size_t class_count = 32;  // frames up to 4 KiB
  static constexpr std::size_t frames_per_class_max = 64;

  static std::size_t index_of(std::size_t size) { return (size - 1) / class_size; }
  static FrameCache& local() {
    static thread_local FrameCache cache;
    return cache;
  }
  std::array<Node*, class_count> lists_{};
  std::array<std::size_t, class_count> counts_{};
};

template <class T>
class Task;

namespace detail {
struct PromiseBase {
  std::coroutine_handle<> awaiter;

  static void* operator new(std::size_t size) { return FrameCache::allocate(size); }
  static void operator delete(void* frame, std::size_t size) { FrameCache::release(frame, size); }

  struct FinalAwait {
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
      return self.promise().awaiter;
    }
    void await_resume() noexcept {}
  };
  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwait final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { std::terminate(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void take() {}
};
}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (handle_) handle_.destroy();
    handle_ = std::exchange(other.handle_, nullptr);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    DCHECK(handle_ && !handle_.promise().awaiter);
    handle_.promise().awaiter = awaiter;
    return handle_;
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  Handle handle_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
}  // namespace detail

}  // namespace headrace
