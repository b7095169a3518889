// answer_budget.h: AnswerBudget, how many bytes the answers of all connections may hold at once.
//
// Answers of up to 64 KiB are not counted. A larger one is counted whole before more of it is read,
// by the length it states or else by the most it may have, so that none waits while it holds a
// part; while there is no room it is not read, and its server sees a slow reader. One alone always
// has room, whatever its size: the bound is the larger of the limit and one answer. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace headrace {

class AnswerBudget {
 public:
  static constexpr std::size_t uncounted_bytes = 64 * 1024;

  explicit AnswerBudget(std::size_t limit_bytes) : limit_(limit_bytes) {}
  AnswerBudget(const AnswerBudget&) = delete;

  // What one answer holds. Dies before the budget.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Share() {
      if (budget_) budget_->held_.fetch_sub(bytes_);
    }
    explicit operator bool() const { return budget_ != nullptr; }

   private:
    friend class AnswerBudget;
    Share(AnswerBudget& budget, std::size_t bytes) : budget_(&budget), bytes_(bytes) {}
    AnswerBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  // Nothing if there is no room now.
  Share try_take(std::size_t bytes) {
    std::size_t held = held_.load();
    do {
      if (held > 0 && held + bytes > limit_) return {};
    } while (!held_.compare_exchange_weak(held, held + bytes));
    return {*this, bytes};
  }
  std::size_t held_bytes() const { return held_.load(); }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> held_ = 0;
};

}  // namespace headrace
