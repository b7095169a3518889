// connector.h: Connector, from a route to a stream that its bytes can go over. One per worker.
//
// A step for each thing that has to be there: the addresses of the host, or of its proxy, a socket
// to one of them, for https through a proxy a tunnel, and for https a session over it. Each has its
// own deadline, and an error names its step as stage, and the proxy as host where it is at fault.
// The stream is the caller's; what a failed step had opened is closed before connect() returns.
// Fails with: what resolver, dialer, tunnel and TlsStream fail with; resolve_timeout,
// https_unsupported.
#pragma once

#include <memory>

#include "net/address_scores.h"
#include "net/network.h"
#include "net/resolver.h"
#include "net/route.h"
#include "net/stream.h"
#include "net/watchdog.h"

namespace headrace {

class Connector {
 public:
  Connector(Worker& worker, Resolver& resolver, NetworkOptions network)
      : worker_(worker), resolver_(resolver), network_(std::move(network)) {}

  Task<Result<std::unique_ptr<Stream>>> connect(Scope& scope, const Route& route,
                                                const Deadlines& deadlines);
  // All of it but the session with the target, which an https target still wants.
  Task<Result<std::unique_ptr<Stream>>> open(Scope& scope, const Route& route,
                                             const Deadlines& deadlines);

 private:
  Task<Result<std::unique_ptr<Stream>>> straight(Scope& scope, const Url& url,
                                                 const Deadlines& deadlines);
  // To the proxy, or where the target is https, through it.
  Task<Result<std::unique_ptr<Stream>>> by_proxy(Scope& scope, const Route& route,
                                                 const Deadlines& deadlines);
  Task<Result<std::unique_ptr<Stream>>> reach(Scope& scope, const Url& url,
                                              const Deadlines& deadlines);
  Task<Result<std::vector<SocketAddress>>> resolve(Scope& scope, const Url& url, Duration limit);
  // Takes the stream over. It may itself be a session: with a proxy that is spoken to over TLS.
  Task<Result<std::unique_ptr<Stream>>> secure(Scope& scope, std::unique_ptr<Stream> stream,
                                               const Url& url, const Deadlines& deadlines);

  Worker& worker_;
  Resolver& resolver_;
  AddressScores scores_;
  const NetworkOptions network_;
};

}  // namespace headrace
