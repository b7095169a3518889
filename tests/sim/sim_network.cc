#include "tests/sim/sim_network.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <netinet/in.h>

#include "io/digest/digest.h"
#include "tests/sim/sim_backend.h"
#include "tests/sim/sim_world.h"

namespace headrace {
namespace {

// A kernel's patience with a connect that nobody answers: six retries of the first segment.
constexpr Duration connect_patience = 127s;
// What a kernel takes over from one connection before it lets the sender wait (tcp_wmem).
constexpr std::uint32_t send_buffer_max = 4 * 1024 * 1024;

struct Name {
  std::string host;  // family and address
  std::uint16_t port = 0;
};

Name name_of(const SocketAddress& address) {
  auto text = [](const void* bytes, std::size_t size) {
    return to_hex({static_cast<const std::byte*>(bytes), size});
  };
  if (address.storage.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address.storage);
    return {"6:" + text(&in.sin6_addr, sizeof in.sin6_addr), ntohs(in.sin6_port)};
  }
  const auto& in = reinterpret_cast<const sockaddr_in&>(address.storage);
  return {"4:" + text(&in.sin_addr, sizeof in.sin_addr), ntohs(in.sin_port)};
}

std::string key_of(const Name& name) { return fmt::format("{}:{}", name.host, name.port); }

void set_port(SocketAddress& address, std::uint16_t port) {
  if (address.storage.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in&>(address.storage).sin_port = htons(port);
  }
}

}  // namespace

int SimNetwork::make_socket(int family) {
  auto endpoint = std::make_shared<SimEndpoint>();
  endpoint->family = family;
  return world_.files().add({.endpoint = std::move(endpoint)});
}

int SimNetwork::listen(SocketAddress& address) {
  if (name_of(address).port == 0) set_port(address, next_port_++);
  std::string key = key_of(name_of(address));
  if (listeners_.contains(key)) return -EADDRINUSE;
  int number = make_socket(address.storage.ss_family);
  Endpoint endpoint = world_.files().handle(number)->endpoint;
  endpoint->listening_at = key;
  listeners_[key] = endpoint;
  return number;
}

std::int64_t SimNetwork::unacknowledged(int socket) {
  SimHandle* handle = world_.files().handle(socket);
  if (!handle || !handle->endpoint) return -EBADF;
  std::int64_t bytes = 0;
  for (const SimOperation* operation : handle->endpoint->sending) {
    bytes += operation->pending->operation.size - operation->moved;
  }
  return bytes;
}

void SimNetwork::start(SimOperation& operation) {
  SimEndpoint& endpoint = *operation.endpoint;
  switch (operation.pending->operation.kind) {
    case Operation::Kind::connect:
      return connect(operation);
    case Operation::Kind::accept:
      endpoint.accepting.push_back(&operation);
      return accept_some(endpoint);
    case Operation::Kind::receive:
      if (endpoint.receiving) {
        world_.violation("two receives on one socket");
        return operation.home->finish(operation, -EINVAL);
      }
      endpoint.receiving = &operation;
      return receive_some(operation.endpoint);
    case Operation::Kind::send:
      return start_send(operation);
    default:
      return operation.home->finish(operation, -EINVAL);
  }
}

void SimNetwork::start_send(SimOperation& operation) {
  SimEndpoint& endpoint = *operation.endpoint;
  if (!endpoint.sending.empty() && !endpoint.sending.back()->done) {
    world_.violation("two sends on one socket");
    return operation.home->finish(operation, -EINVAL);
  }
  if (endpoint.error != 0) {
    return operation.home->finish(operation, -std::exchange(endpoint.error, 0));
  }
  if (!endpoint.connected || endpoint.shut) return operation.home->finish(operation, -EPIPE);
  endpoint.sending.push_back(&operation);
  // As with zero-copy: the kernel has the pages and says done; it reads them when it sends. Bytes
  // in the waiter's own memory are copied, for it waits until they are released.
  std::uint32_t size = operation.pending->operation.size;
  if (operation.pending->hold && size <= send_buffer_max &&
      world_.chance(world_.knobs().done_early)) {
    operation.home->finish_early(operation, static_cast<int>(size));
  }
  plan_move(operation.endpoint, world_.delay());
}

bool SimNetwork::detach(SimOperation& operation) {
  SimEndpoint& endpoint = *operation.endpoint;
  if (endpoint.receiving == &operation) endpoint.receiving = nullptr;
  std::erase(endpoint.accepting, &operation);
  std::erase(endpoint.sending, &operation);
  return true;
}

void SimNetwork::connect(SimOperation& operation) {
  const Endpoint& client = operation.endpoint;
  if (client->connected) return operation.home->finish(operation, -EISCONN);
  if (world_.chance(world_.knobs().connect_lost)) {
    auto self = operation.shared_from_this();
    return world_.after(connect_patience, [self] {
      if (!self->done) self->home->finish(*self, -ETIMEDOUT);
    });
  }
  Name name = name_of(*operation.pending->operation.address);
  auto found = listeners_.find(key_of(name));
  if (found == listeners_.end() || world_.chance(world_.knobs().connect_refused)) {
    return operation.home->finish(operation, -ECONNREFUSED);
  }
  auto server = std::make_shared<SimEndpoint>();
  server->family = client->family;
  server->connected = client->connected = true;
  server->peer = client;
  client->peer = server;
  Endpoint listener = found->second;
  listener->backlog.push_back(server);
  accept_some(*listener);
  operation.home->finish(operation, 0);
}

void SimNetwork::accept_some(SimEndpoint& listener) {
  while (!listener.accepting.empty() && !listener.backlog.empty()) {
    SimOperation& operation = *listener.accepting.front();
    listener.accepting.pop_front();
    int number = world_.files().add({.endpoint = std::move(listener.backlog.front())});
    listener.backlog.pop_front();
    operation.home->finish(operation, number);
  }
}

void SimNetwork::receive_some(const Endpoint& endpoint) {
  SimOperation* operation = endpoint->receiving;
  if (!operation) return;
  const Operation& op = operation->pending->operation;
  int result = 0;
  if (!endpoint->inbox.empty()) {
    std::size_t count = std::min<std::size_t>(op.size, endpoint->inbox.size());
    if (count > 1 && world_.chance(world_.knobs().short_receive)) {
      count = world_.prng().between(1, count - 1);
    }
    std::memcpy(op.data, endpoint->inbox.data(), count);
    endpoint->inbox.erase(0, count);
    result = static_cast<int>(count);
    if (Endpoint peer = endpoint->peer.lock()) plan_move(peer, world_.delay());
  } else if (endpoint->error != 0) {
    result = -std::exchange(endpoint->error, 0);
  } else if (!endpoint->peer_ended && !endpoint->shut) {
    if (endpoint->connected) return;
    result = -ENOTCONN;
  }
  endpoint->receiving = nullptr;
  operation->home->finish(*operation, result);
}

void SimNetwork::plan_move(const Endpoint& endpoint, Duration after) {
  if (endpoint->moving) return;
  endpoint->moving = true;
  world_.after(after, [this, endpoint] {
    endpoint->moving = false;
    move_some(endpoint);
  });
}

void SimNetwork::move_some(const Endpoint& endpoint) {
  if (endpoint->sending.empty()) return end_if_shut(*endpoint);
  if (endpoint->stalled_until > world_.now()) {
    return plan_move(endpoint, endpoint->stalled_until - world_.now());
  }
  Endpoint peer = endpoint->peer.lock();
  if (!peer || peer->closed) return tell_error(endpoint, ECONNRESET);
  SimOperation& operation = *endpoint->sending.front();
  const Operation& op = operation.pending->operation;
  const SimKnobs& knobs = world_.knobs();
  std::size_t room = knobs.window_bytes - std::min(knobs.window_bytes, peer->inbox.size());
  std::size_t count = std::min<std::size_t>(room, op.size - operation.moved);
  if (count == 0 && op.size > 0) return;  // the peer's next receive makes room
  if (count > 1 && world_.chance(knobs.split_send)) count = world_.prng().between(1, count - 1);
  peer->inbox.append(reinterpret_cast<const char*>(op.data) + operation.moved, count);
  operation.moved += static_cast<std::uint32_t>(count);
  bytes_moved_ += count;
  world_.later([this, peer] { receive_some(peer); });
  if (operation.moved == op.size) end_send(*endpoint, static_cast<int>(op.size));
  if (world_.chance(knobs.reset)) return reset(endpoint);
  if (world_.chance(knobs.stall)) {
    std::uint64_t most = static_cast<std::uint64_t>(knobs.stall_max.count());
    endpoint->stalled_until = world_.now() + Duration(world_.prng().between(0, most));
    ++stalls_;
  }
  plan_move(endpoint, world_.delay());
}

void SimNetwork::end_send(SimEndpoint& endpoint, int result) {
  SimOperation& operation = *endpoint.sending.front();
  endpoint.sending.pop_front();
  if (operation.done) {
    operation.home->release_soon(operation);
  } else {
    operation.home->finish(operation, result);
  }
}

// The end of the stream follows what was handed over before it.
void SimNetwork::end_if_shut(SimEndpoint& endpoint) {
  Endpoint peer = endpoint.peer.lock();
  if (!endpoint.shut || !peer || peer->peer_ended) return;
  peer->peer_ended = true;
  world_.later([this, peer] { receive_some(peer); });
}

void SimNetwork::tell_error(const Endpoint& endpoint, int error) {
  endpoint->error = error;
  endpoint->peer_ended = true;
  while (!endpoint->sending.empty()) end_send(*endpoint, -error);
  world_.later([this, endpoint] { receive_some(endpoint); });
}

void SimNetwork::reset(const Endpoint& endpoint) {
  ++resets_;
  Endpoint peer = endpoint->peer.lock();
  for (const Endpoint& side : {endpoint, peer}) {
    if (!side) continue;
    // What had arrived may still be read, or is lost with the connection.
    if (world_.chance(0.5)) side->inbox.clear();
    side->connected = false;
    tell_error(side, ECONNRESET);
  }
}

void SimNetwork::shutdown(const Endpoint& endpoint) {
  if (endpoint->shut) return;
  endpoint->shut = true;
  // A stall is the peer's or the line's; who gives a connection up is not kept waiting by it.
  if (std::exchange(endpoint->stalled_until, Time{}) > world_.now()) endpoint->moving = false;
  while (!endpoint->sending.empty() && !endpoint->sending.back()->done) {
    SimOperation& operation = *endpoint->sending.back();
    endpoint->sending.pop_back();
    operation.home->finish(operation, -EPIPE);
  }
  receive_some(endpoint);
  plan_move(endpoint, world_.delay());
}

void SimNetwork::close(const Endpoint& endpoint) {
  listeners_.erase(endpoint->listening_at);
  for (const Endpoint& waiting : endpoint->backlog) {
    if (Endpoint client = waiting->peer.lock()) reset(client);
  }
  endpoint->backlog.clear();
  shutdown(endpoint);
  endpoint->closed = true;
  Endpoint peer = endpoint->peer.lock();
  // Bytes that nobody read are not gone quietly: the peer is told.
  if (!endpoint->inbox.empty() && peer) reset(peer);
}

}  // namespace headrace
