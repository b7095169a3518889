#include "engine/job.h"

#include <algorithm>

#include <fmt/format.h>

#include "io/check.h"

namespace headrace {

// What has arrived of a part stays counted while it is sent again, and one that is sent twice at
// once counts once.
std::uint64_t Job::bytes_sent() const {
  std::uint64_t confirmed = counters.bytes_confirmed;
  std::uint64_t most = std::max<std::uint64_t>(confirmed, counters.bytes_to_send);
  std::uint64_t sent = std::min(confirmed + counters.bytes_on_way, most);
  std::uint64_t told = sent_told_.load();
  while (told < sent && !sent_told_.compare_exchange_weak(told, sent)) {
  }
  return std::max(told, sent);
}

Progress Job::progress() const {
  return {.files_done = counters.files_done,
          .files_total = counters.files_total,
          .bytes_hashed = counters.bytes_hashed,
          .bytes_sent = bytes_sent(),
          .bytes_to_send = counters.bytes_to_send,
          .bytes_total = counters.bytes_total};
}

std::optional<Event> Job::next_event(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [this] { return ended_ || !events_.empty(); });
  if (!events_.empty()) {
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }
  if (dropped_ > 0) {
    return Note{NoteLevel::info,
                fmt::format("{} events were left out", std::exchange(dropped_, 0))};
  }
  if (ended_) return std::nullopt;
  return progress();
}

bool Job::ended() const {
  std::lock_guard lock(mutex_);
  return ended_;
}

bool Job::wait_for_end(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [this] { return ended_; });
}

Result<UploadResult> Job::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_; });
  CHECK(result_);
  Result<UploadResult> result = std::move(*result_);
  result_.reset();
  return result;
}

void Job::cancel() {
  std::function<void()> function;
  {
    std::lock_guard lock(mutex_);
    if (cancelled_ || ended_) return;
    cancelled_ = true;
    function = cancel_;
  }
  if (function) function();
}

void Job::event(Event event) {
  std::lock_guard lock(mutex_);
  if (events_.size() >= events_max) {
    ++dropped_;
    return;
  }
  events_.push_back(std::move(event));
  changed();
}

void Job::changed() {
  changed_.notify_all();
  if (on_change_) on_change_();
}

void Job::on_change(std::function<void()> function) {
  std::lock_guard lock(mutex_);
  on_change_ = std::move(function);
}

void Job::on_cancel(std::function<void()> function) {
  std::lock_guard lock(mutex_);
  cancel_ = std::move(function);
}

void Job::end(Result<UploadResult> result) {
  std::lock_guard lock(mutex_);
  CHECK(!ended_);
  result_.emplace(std::move(result));
  ended_ = true;
  cancel_ = nullptr;
  changed();
}

}  // namespace headrace
