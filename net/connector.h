// connector.h: Connector, from a URL to a stream that its bytes can go over. One per worker.
//
// A step for each thing that has to be there: the host's addresses, a socket to one of them, and
// for https a session over it. Each has its own deadline, and an error names its step as stage.
// The stream is the caller's; what a failed step had opened is closed before connect() returns.
// Fails with: what resolver, dialer and TlsStream fail with; resolve_timeout, https_unsupported.
#pragma once

#include <memory>

#include "net/network.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/url.h"
#include "net/watchdog.h"

namespace headrace {

class Connector {
 public:
  Connector(Worker& worker, Resolver& resolver, NetworkOptions network)
      : worker_(worker), resolver_(resolver), network_(std::move(network)) {}

  Task<Result<std::unique_ptr<Stream>>> connect(Scope& scope, const Url& url,
                                                const Deadlines& deadlines);

 private:
  Task<Result<std::unique_ptr<Stream>>> reach(Scope& scope, const Url& url,
                                              const Deadlines& deadlines);
  Task<Result<std::vector<SocketAddress>>> resolve(Scope& scope, const Url& url, Duration limit);
  // Takes the stream over. It may itself be a session: with a proxy that is spoken to over TLS.
  Task<Result<std::unique_ptr<Stream>>> secure(Scope& scope, std::unique_ptr<Stream> stream,
                                               const Url& url, const Deadlines& deadlines);

  Worker& worker_;
  Resolver& resolver_;
  const NetworkOptions network_;
};

}  // namespace headrace
