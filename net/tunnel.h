// tunnel.h: open_tunnel(), a stream to an https target through a proxy (CONNECT, RFC 9110, 9.3.6).
//
// Takes a stream to the proxy and gives one to the target; if it fails, what it took is closed.
// Any 2xx is a tunnel, whatever length its head states, and what came behind that head is the first
// the tunnel brings. A proxy resolves and connects before it answers, so `limit` is longer than for
// a connection of our own.
// Fails with: what error_of_proxy() makes; proxy_timeout; of the proxy bad_http, http_limit,
// connection_closed, receive_failed, send_failed; cancelled. All have the stage `proxy`.
#pragma once

#include <memory>

#include "net/route.h"
#include "net/stream.h"

namespace headrace {

Task<Result<std::unique_ptr<Stream>>> open_tunnel(Scope& scope, std::unique_ptr<Stream> stream,
                                                  const Route& route, Duration limit);

}  // namespace headrace
