#include "engine/board.h"

#include <algorithm>

namespace headrace {

bool Board::Take::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  scope_.enter(*this);
  std::lock_guard lock(board_.mutex_);
  if (board_.over_locked()) return false;
  work_ = board_.scheduler_.next(lane_, scope_.worker().now());
  if (work_) return false;
  parked_ = true;
  board_.parked_.insert(std::ranges::upper_bound(board_.parked_, rank_, {}, &Take::rank_), this);
  return true;
}

std::optional<Work> Board::Take::await_resume() {
  if (handle_) scope_.leave(*this);
  return std::move(work_);
}

void Board::Take::cancel_wait() {
  std::lock_guard lock(board_.mutex_);
  if (!parked_) return;
  std::erase(board_.parked_, this);
  wake_locked();
}

void Board::Take::wake_locked() {
  parked_ = false;
  scope_.worker().send([handle = handle_] { handle.resume(); });
}

void Board::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  serve_locked();
}

bool Board::closed() const {
  std::lock_guard lock(mutex_);
  return closed_;
}

void Board::serve_locked() {
  if (parked_.empty()) return;
  bool over = over_locked();
  Time now = parked_.front()->scope_.worker().now();
  std::vector<Take*> waiting;
  for (Take* take : parked_) {
    if (!over) take->work_ = scheduler_.next(take->lane_, now);
    if (over || take->work_) {
      take->wake_locked();
    } else {
      waiting.push_back(take);
    }
  }
  parked_ = std::move(waiting);
}

}  // namespace headrace
