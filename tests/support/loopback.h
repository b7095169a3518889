// loopback.h: 127.0.0.1 and a port, 0 for any, as the seam takes addresses.
#pragma once

#include "net/address.h"

namespace headrace {

inline SocketAddress loopback(std::uint16_t port = 0) {
  return *numeric_address("127.0.0.1", port);
}

}  // namespace headrace
