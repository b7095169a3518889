#include "io/digest/lanes.h"

namespace headrace {

// Until the worker's next turn.
struct DigestLanes::Turn {
  Worker& worker;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) { worker.ready(handle); }
  void await_resume() const noexcept {}
};

// Until the first has done the work.
struct DigestLanes::Meeting {
  DigestLanes& lanes;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) { lanes.waiting_.push_back(handle); }
  void await_resume() const noexcept {}
};

void DigestLanes::add(BlockDigest& digest, std::span<const std::byte> bytes) {
  entries_.push_back({&digest.kernels(), digest.absorb(bytes)});
}

Task<void> DigestLanes::update(BlockDigest& digest, std::span<const std::byte> bytes) {
  add(digest, bytes);
  return meet();
}

Task<void> DigestLanes::update(std::span<BlockDigest* const> digests,
                               std::span<const std::byte> bytes) {
  for (BlockDigest* digest : digests) add(*digest, bytes);
  return meet();
}

Task<void> DigestLanes::meet() {
  if (met_) {
    co_await Meeting{*this};
    co_return;
  }
  met_ = true;
  for (int turn = 0; turn < turns_waited && !all_came(); ++turn) co_await Turn{worker_};
  work();
  for (std::coroutine_handle<> handle : waiting_) worker_.ready(handle);
  waiting_.clear();
  met_ = false;
}

void DigestLanes::work() {
  ++meetings_;
  streams_ += entries_.size();
  while (!entries_.empty()) {
    const KernelSet* kernels = entries_.front().kernels;
    inputs_.clear();
    std::erase_if(entries_, [&](const Entry& entry) {
      if (entry.kernels != kernels) return false;
      inputs_.push_back(entry.input);
      return true;
    });
    run_lanes(*kernels, inputs_);
  }
}

}  // namespace headrace
