// backend.h: the seam. What leaves a worker for the machine goes through here: operations, time,
// and waking up. One backend a worker, used by its thread only, but for wake(). The kernel ring is
// one implementation (uring.h), the simulation another; tests/sim holds the suite that both pass.
#pragma once

#include <cstdint>
#include <vector>

#include "io/clock.h"
#include "io/error.h"
#include "io/operation.h"

namespace headrace {

// What became of an operation. `released` may come in the same completion as `done` or later.
struct Completion {
  Pending* pending = nullptr;
  int result = 0;  // bytes, a file, 0; or -errno
  bool done = false;
  bool released = false;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // Takes the operation over until both its moments have come. Never completes it before it
  // returns. Errors come as its result.
  virtual void submit(Pending& pending) = 0;
  // Asks for an early end. The completion still comes: with -ECANCELED, or with what had happened
  // by then. A send that was cut short reports -ECANCELED.
  virtual void cancel(Pending& pending) = 0;
  // Appends what has completed, at least one if `until` allows the wait; returns at once if
  // `until` has passed. Also returns after wake().
  virtual void wait(Time until, std::vector<Completion>& completions) = 0;
  // From any thread.
  virtual void wake() = 0;

  virtual Time now() = 0;
  // Seconds since 1970.
  virtual std::int64_t wall_seconds() = 0;

  // A stream socket for connect(), or -errno.
  virtual int make_socket(int family) = 0;
  // A listening socket, or -errno; `address` becomes what it is bound to.
  virtual int listen(SocketAddress& address) = 0;
  // Bytes given to the socket that the peer has not acknowledged yet, or -errno.
  virtual std::int64_t unacknowledged(int socket) = 0;
  // How long the peer's machine takes to acknowledge, smoothed (RFC 6298); 0 where nobody knows.
  virtual Duration round_trip(int socket) = 0;
  // What was given to the socket leaves it at most so fast, bytes a second, as far as the machine
  // can; 0: as fast as it goes.
  virtual void pace(int socket, std::uint64_t rate) = 0;
};

}  // namespace headrace
