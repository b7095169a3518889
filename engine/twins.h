// twins.h: Twins, the sends that are on their way, so that of two for one part the slower is ended.
//
// A lane keeps a Sending while it sends a part, or waits to send it again; end_twin() cancels the
// scope of every other Sending of that part, on the worker it belongs to. Thread-safe. Held by
// shared_ptr, since what it asks of other workers may come when all is over.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/scheduler.h"
#include "io/worker.h"
#include "net/exchange.h"

namespace headrace {

class Twins : public std::enable_shared_from_this<Twins> {
 public:
  // Told how its try is going.
  class Sending final : public SendObserver {
   public:
    Sending(std::shared_ptr<Twins> twins, Scope& scope, const SendPart& work);
    ~Sending() override;
    Sending(const Sending&) = delete;
    // Its part was confirmed elsewhere, and its scope cancelled or about to be.
    bool dropped() const;
    void begins(std::string_view address) override;
    void body_sent(std::uint64_t bytes) override { bytes_.store(bytes, std::memory_order_relaxed); }

   private:
    friend class Twins;
    const std::shared_ptr<Twins> twins_;
    Scope& scope_;
    const ObjectIndex object_;
    const std::uint32_t part_;
    bool dropped_ = false;
    std::string address_;
    std::atomic<std::uint64_t> bytes_ = 0;
  };
  // How far a try has come, and where it goes.
  struct State {
    std::string address;  // empty: no connection yet
    std::uint64_t bytes = 0;
  };

  void end_twin(const Sending& confirmed);
  // Of the other send of this part; empty if there is none.
  State twin_of(const Sending& sending) const;

 private:
  bool are_twins(const Sending& a, const Sending& b) const {
    return &a != &b && a.object_ == b.object_ && a.part_ == b.part_;
  }
  void cancel(const Sending* sending);

  mutable std::mutex mutex_;
  std::vector<Sending*> sendings_;
};

}  // namespace headrace
