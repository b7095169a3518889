// resolver.h: Resolver, names to addresses.
//
// An interface, so that a simulation answers by itself. The system's one asks getaddrinfo in a
// blocking job; a numeric address never leaves the worker. Both families come back, IPv6 and IPv4
// by turns, in the order in which the dialer should try them (RFC 8305, 4). A name that was
// resolved before and is not now keeps the addresses it had: stale ones are better than none (RFC
// 8767), and if nobody is there any more, connecting says so. Thread-safe: all workers share one.
// Fails with: name_not_found (fail), name_lookup_failed (retry), cancelled.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "io/error.h"
#include "io/operation.h"
#include "io/scope.h"

namespace headrace {

class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual Task<Result<std::vector<SocketAddress>>> resolve(Scope& scope, std::string host,
                                                           std::uint16_t port) = 0;
};

class SystemResolver final : public Resolver {
 public:
  Task<Result<std::vector<SocketAddress>>> resolve(Scope& scope, std::string host,
                                                   std::uint16_t port) override;

 private:
  Result<std::vector<SocketAddress>> known_or(Result<std::vector<SocketAddress>> found,
                                              const std::string& host, std::uint16_t port);

  std::mutex mutex_;
  std::map<std::pair<std::string, std::uint16_t>, std::vector<SocketAddress>> known_;
};

// IPv6 and IPv4 by turns, each family in the order given, IPv6 first where both are there.
std::vector<SocketAddress> by_turns(const std::vector<SocketAddress>& addresses);

}  // namespace headrace
