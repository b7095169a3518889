// timer_heap.h: the armed timers of one worker, the next one first. Binary heap that knows where
// each timer stands, so that disarming is as cheap as arming. Equal times go in arming order.
#pragma once

#include <vector>

#include "io/scope.h"

namespace headrace {

class TimerHeap {
 public:
  Time next() const { return heap_.empty() ? time_never : heap_.front()->at_; }
  bool empty() const { return heap_.empty(); }

  void arm(Timer& timer, Time at) {
    disarm(timer);
    timer.at_ = at;
    timer.sequence_ = ++sequence_;
    heap_.push_back(&timer);
    place(heap_.size() - 1, timer);
    up(heap_.size() - 1);
  }
  void disarm(Timer& timer) {
    if (!timer.armed()) return;
    std::size_t index = timer.index_;
    timer.index_ = Timer::unarmed;
    Timer* last = heap_.back();
    heap_.pop_back();
    if (last == &timer) return;
    place(index, *last);
    up(index);
    down(last->index_);
  }
  // The first timer whose time has come, disarmed; null if none.
  Timer* pop(Time now) {
    if (heap_.empty() || heap_.front()->at_ > now) return nullptr;
    Timer* timer = heap_.front();
    disarm(*timer);
    return timer;
  }

 private:
  static bool before(const Timer& a, const Timer& b) {
    return a.at_ != b.at_ ? a.at_ < b.at_ : a.sequence_ < b.sequence_;
  }
  void place(std::size_t index, Timer& timer) {
    heap_[index] = &timer;
    timer.index_ = index;
  }
  void swap(std::size_t a, std::size_t b) {
    Timer* first = heap_[a];
    place(a, *heap_[b]);
    place(b, *first);
  }
  void up(std::size_t index) {
    while (index > 0 && before(*heap_[index], *heap_[(index - 1) / 2])) {
      swap(index, (index - 1) / 2);
      index = (index - 1) / 2;
    }
  }
  void down(std::size_t index) {
    while (true) {
      std::size_t child = 2 * index + 1;
      if (child >= heap_.size()) return;
      if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
      if (!before(*heap_[child], *heap_[index])) return;
      swap(index, child);
      index = child;
    }
  }

  std::vector<Timer*> heap_;
  std::uint64_t sequence_ = 0;
};

}  // namespace headrace
