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
#include <vector>

#include "engine/scheduler.h"
#include "io/worker.h"

namespace headrace {

class Twins : public std::enable_shared_from_this<Twins> {
 public:
  class Sending {
   public:
    Sending(std::shared_ptr<Twins> twins, Scope& scope, const SendPart& work);
    ~Sending();
    Sending(const Sending&) = delete;
    // Its part was confirmed elsewhere, and its scope cancelled or about to be.
    bool dropped() const;
    // Bytes of the body given to the connection in this try.
    std::atomic<std::uint64_t> bytes = 0;

   private:
    friend class Twins;
    const std::shared_ptr<Twins> twins_;
    Scope& scope_;
    const ObjectIndex object_;
    const std::uint32_t part_;
    bool dropped_ = false;
  };

  void end_twin(const Sending& confirmed);
  // Of the other send of this part; 0 if there is none.
  std::uint64_t bytes_of_twin(const Sending& sending) const;

 private:
  bool are_twins(const Sending& a, const Sending& b) const {
    return &a != &b && a.object_ == b.object_ && a.part_ == b.part_;
  }
  void cancel(const Sending* sending);

  mutable std::mutex mutex_;
  std::vector<Sending*> sendings_;
};

}  // namespace headrace
