// address.h: socket addresses out of numbers and into text. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "io/operation.h"

namespace headrace {

// The address that a numeric IPv4 or IPv6 text stands for; nothing for a name.
inline std::optional<SocketAddress> numeric_address(const std::string& host, std::uint16_t port) {
  SocketAddress address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address.size = sizeof v4;
    return address;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    address.size = sizeof v6;
    return address;
  }
  return std::nullopt;
}

inline int family_of(const SocketAddress& address) { return address.storage.ss_family; }

inline std::uint16_t port_of(const SocketAddress& address) {
  return family_of(address) == AF_INET6
             ? ntohs(reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_port)
             : ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
}

// 127.0.0.1:80, [::1]:80
inline std::string text_of(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  bool v6 = family_of(address) == AF_INET6;
  const void* number = v6 ? static_cast<const void*>(
                                &reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr)
                          : static_cast<const void*>(
                                &reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr);
  inet_ntop(family_of(address), number, text, sizeof text);
  std::string host = v6 ? "[" + std::string(text) + "]" : std::string(text);
  return host + ":" + std::to_string(port_of(address));
}

}  // namespace headrace
