#include "engine/job_handle.h"

#include <algorithm>

#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/event_json.h"

namespace headrace {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How long one wait for an event lasts before the progress is looked at, and how often it is told.
constexpr milliseconds step(100);
constexpr milliseconds progress_period(500);

milliseconds left_until(Steady::time_point deadline) {
  auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now());
  return std::max(left, milliseconds(0));
}

// A counter that is full is readable already.
void raise(int descriptor) {
  if (descriptor >= 0) (void)::eventfd_write(descriptor, 1);
}
void lower(int descriptor) {
  eventfd_t count = 0;
  if (descriptor >= 0) (void)::eventfd_read(descriptor, &count);
}

}  // namespace

JobHandle::JobHandle(std::shared_ptr<Job> job, bool dry_run)
    : job_(std::move(job)),
      dry_run_(dry_run),
      descriptor_(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)) {
  job_->on_change([descriptor = descriptor_] { raise(descriptor); });
}

JobHandle::~JobHandle() {
  job_->on_change(nullptr);
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string JobHandle::line_of(const Event& event) { return event_json(event, ++sequence_); }

// Lowered before the look, so that what comes after the look raises it again.
const char* JobHandle::next_event() {
  lower(descriptor_);
  std::optional<Event> event = job_->next_event(milliseconds(0));
  bool none = !event || std::holds_alternative<Progress>(*event);
  if (!none || job_->ended()) raise(descriptor_);
  if (none) return nullptr;
  line_ = line_of(*event);
  return line_.c_str();
}

bool JobHandle::wait(Steady::time_point deadline, const Tell& tell) {
  if (tell) tell_all(deadline, tell);
  return job_->wait_for_end(left_until(deadline));
}

// Until the job has ended and its last event is told, or the time is over and no event waits.
void JobHandle::tell_all(Steady::time_point deadline, const Tell& tell) {
  Steady::time_point next_progress = Steady::now() + progress_period;
  while (std::optional<Event> event = job_->next_event(std::min(step, left_until(deadline)))) {
    bool progress = std::holds_alternative<Progress>(*event);
    Steady::time_point now = Steady::now();
    if (!progress || now >= next_progress) tell(line_of(*event).c_str());
    if (!progress) continue;
    if (now >= next_progress) next_progress = now + progress_period;
    if (now >= deadline) return;
  }
}

const Result<UploadResult>& JobHandle::outcome() {
  std::lock_guard lock(mutex_);
  if (!outcome_) {
    outcome_.emplace(job_->wait());
    if (*outcome_) result_line_ = result_json(**outcome_, dry_run_, ++sequence_);
  }
  return *outcome_;
}

const std::string& JobHandle::result_line() {
  outcome();
  return result_line_;
}

}  // namespace headrace
