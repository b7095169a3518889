// sim_network.h: the sockets of a simulated world.
//
// A connection is two endpoints; bytes move from a send into the other side's inbox in chunks, at
// moments by chance, as far as the window lets them. A send reads its bytes when they move, not
// when it was asked for, so that bytes changed too early arrive changed. Resets, stalls, refused
// and lost connects come by the knobs. Ends as TCP has them: shutdown and close give the peer an
// end after what was sent; close with unread bytes, or bytes for somebody who has closed, a reset.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "io/clock.h"
#include "io/operation.h"

namespace headrace {

class SimWorld;
struct SimOperation;

struct SimEndpoint {
  int family = 0;
  std::string listening_at;  // the key of the listener's address, if it is one
  std::weak_ptr<SimEndpoint> peer;
  bool connected = false;
  bool shut = false;        // by this side, both directions
  bool closed = false;      // by this side
  bool peer_ended = false;  // nothing comes after what is in the inbox
  int error = 0;            // to be told once, as -errno
  std::string inbox;
  SimOperation* receiving = nullptr;
  // In order; all but the last are done, and only their bytes have still to move.
  std::deque<SimOperation*> sending;
  std::deque<SimOperation*> accepting;
  std::deque<std::shared_ptr<SimEndpoint>> backlog;
  Time stalled_until{};
  bool moving = false;  // an event to move bytes is on its way
};

class SimNetwork {
 public:
  using Endpoint = std::shared_ptr<SimEndpoint>;
  explicit SimNetwork(SimWorld& world) : world_(world) {}

  int make_socket(int family);
  int listen(SocketAddress& address);
  std::int64_t unacknowledged(int socket);

  // The operation has arrived at the kernel; it completes at once or later.
  void start(SimOperation& operation);
  // The operation is taken off its socket; false if it had completed already.
  bool detach(SimOperation& operation);
  void shutdown(const Endpoint& endpoint);
  void close(const Endpoint& endpoint);
  // Ends a connection for both sides.
  void reset(const Endpoint& endpoint);

  std::uint64_t resets() const { return resets_; }
  std::uint64_t stalls() const { return stalls_; }
  std::uint64_t bytes_moved() const { return bytes_moved_; }

 private:
  void connect(SimOperation& operation);
  void start_send(SimOperation& operation);
  void accept_some(SimEndpoint& listener);
  void receive_some(const Endpoint& endpoint);
  void plan_move(const Endpoint& endpoint, Duration after);
  void move_some(const Endpoint& endpoint);
  void end_send(SimEndpoint& endpoint, int result);
  void end_if_shut(SimEndpoint& endpoint);
  void tell_error(const Endpoint& endpoint, int error);

  SimWorld& world_;
  std::map<std::string, Endpoint> listeners_;
  std::uint16_t next_port_ = 40'000;
  std::uint64_t resets_ = 0;
  std::uint64_t stalls_ = 0;
  std::uint64_t bytes_moved_ = 0;
};

}  // namespace headrace
