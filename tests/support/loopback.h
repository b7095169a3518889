// loopback.h: 127.0.0.1 and a port, 0 for any, as the seam takes addresses; and a port that
// refuses.
#pragma once

#include <unistd.h>

#include "net/address.h"

namespace headrace {

inline SocketAddress loopback(std::uint16_t port = 0) {
  return *numeric_address("127.0.0.1", port);
}

// A bound port where nobody listens stays refused as long as the test holds it.
struct ClosedPort {
  explicit ClosedPort(const char* host) : address(*numeric_address(host, 0)) {
    socket = ::socket(family_of(address), SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto* name = reinterpret_cast<sockaddr*>(&address.storage);
    if (::bind(socket, name, address.size) == 0) getsockname(socket, name, &address.size);
  }
  ~ClosedPort() { ::close(socket); }
  SocketAddress address;
  int socket;
};

}  // namespace headrace
