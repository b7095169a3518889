// sim_backend.h: one worker's side of a simulated world: the seam, as io/backend.h promises it.
//
// An operation arrives at the simulated kernel after a delay, happens, and completes; its *done*
// and its *released* may come in one completion or in two. wait() never waits: it hands over what
// is due and notes when its worker wants to be stepped again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/backend.h"

namespace headrace {

class SimWorld;
class SimBackend;

// One operation inside the simulated kernel. Events on their way keep it; it is not to touch its
// Pending once that has been told of both moments.
struct SimOperation : std::enable_shared_from_this<SimOperation> {
  SimBackend* home = nullptr;
  Pending* pending = nullptr;
  std::shared_ptr<struct SimEndpoint> endpoint;  // the socket it is about
  std::shared_ptr<std::size_t> in_flight;        // the count of its number
  std::uint32_t moved = 0;                       // bytes of a send that have left
  bool arrived = false;
  bool done = false;
  bool released = false;
  bool cancelled = false;
  std::uint64_t digest = 0;  // of a send's bytes when it was done, if they are released later
};

class SimBackend final : public Backend {
 public:
  SimBackend(SimWorld& world, std::size_t index) : world_(world), index_(index) {}
  ~SimBackend() override;

  void submit(Pending& pending) override;
  void cancel(Pending& pending) override;
  void wait(Time until, std::vector<Completion>& completions) override;
  void wake() override {}
  Time now() override;
  std::int64_t wall_seconds() override;
  int make_socket(int family) override;
  int listen(SocketAddress& address) override;
  std::int64_t unacknowledged(int socket) override;
  Duration round_trip(int socket) override;
  void pace(int, std::uint64_t) override {}  // how fast a line is say the knobs

  // When the worker, left alone, has something to do.
  Time wanted_at() const { return wanted_at_; }

  // What is in flight, for a person: "send on 5, done", …
  std::string describe() const;

  // It is over, its bytes free at once or a little later.
  void finish(SimOperation& operation, int result);
  // It is done, its bytes are not free yet: release_soon() follows.
  void finish_early(SimOperation& operation, int result);
  void release_soon(SimOperation& operation);

 private:
  void arrive(SimOperation& operation);
  int perform(SimOperation& operation);
  int close(SimOperation& operation);
  void cancel_arrived(SimOperation& operation);
  void release(SimOperation& operation);

  SimWorld& world_;
  const std::size_t index_;
  Time wanted_at_{};
  std::vector<Completion> due_;
  std::vector<std::shared_ptr<SimOperation>> operations_;  // not known to be over
};

}  // namespace headrace
