// job_handle.h: JobHandle, a job as the C door shows it: events as lines, a descriptor that says
// when there are some, and an outcome that stays to be asked.
//
// Thread-safe, but for next_event(), which one thread at a time calls. The job goes on if the
// handle is destroyed before it has ended.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "engine/job.h"

namespace headrace {

class JobHandle {
 public:
  JobHandle(std::shared_ptr<Job> job, bool dry_run);
  ~JobHandle();
  JobHandle(const JobHandle&) = delete;

  Job& job() { return *job_; }
  // eventfd(2); -1 if there was none to be had.
  int descriptor() const { return descriptor_; }
  // The next event as JSON, good until the next call; null if there is none now.
  const char* next_event();
  // Waits for the end, at most until `deadline`; whether it has come. `tell` gets every event.
  using Tell = std::function<void(const char* line)>;
  bool wait(std::chrono::steady_clock::time_point deadline, const Tell& tell);
  // Once it has ended: what came of it.
  const Result<UploadResult>& outcome();
  // The same as JSON; empty if it failed.
  const std::string& result_line();

 private:
  std::string line_of(const Event& event);
  void tell_all(std::chrono::steady_clock::time_point deadline, const Tell& tell);

  const std::shared_ptr<Job> job_;
  const bool dry_run_;
  const int descriptor_;
  std::string line_;
  std::atomic<std::uint64_t> sequence_{0};
  std::mutex mutex_;
  std::optional<Result<UploadResult>> outcome_;
  std::string result_line_;
};

}  // namespace headrace
