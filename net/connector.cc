#include "net/connector.h"

#include <fmt/format.h>

#include "net/dialer.h"
#include "net/tls_stream.h"

namespace headrace {

Task<Result<std::unique_ptr<Stream>>> Connector::connect(Scope& scope, const Url& url,
                                                         const Deadlines& deadlines) {
  if (url.secure() && !network_.tls) {
    co_return fail(make_error(ErrorClass::fail, "https_unsupported",
                              "https is switched off here, there is no TLS")
                       .at("connect"));
  }
  Result<std::unique_ptr<Stream>> stream = co_await reach(scope, url, deadlines);
  if (!stream || !url.secure()) co_return stream;
  stream = co_await secure(scope, std::move(*stream), url, deadlines);
  co_return stream;
}

Task<Result<std::unique_ptr<Stream>>> Connector::reach(Scope& scope, const Url& url,
                                                       const Deadlines& deadlines) {
  Result<std::vector<SocketAddress>> addresses = co_await resolve(scope, url, deadlines.resolve);
  if (!addresses) co_return std::unexpected(std::move(addresses.error()));
  Result<int> socket = co_await dial(scope, *addresses, deadlines.connect, url.endpoint());
  if (!socket) co_return std::unexpected(std::move(socket.error()));
  co_return std::make_unique<PlainStream>(worker_, *socket);
}

Task<Result<std::vector<SocketAddress>>> Connector::resolve(Scope& scope, const Url& url,
                                                            Duration limit) {
  Scope resolving(scope, limit);
  Result<std::vector<SocketAddress>> addresses =
      co_await resolver_.resolve(resolving, url.host, url.port);
  if (!addresses && resolving.timed_out()) {
    co_return fail(make_error(ErrorClass::retry, "resolve_timeout",
                              fmt::format("the host name {} was not resolved within {:.3g} s",
                                          url.host, seconds_of(limit)))
                       .at("resolve"));
  }
  co_return addresses;
}

Task<Result<std::unique_ptr<Stream>>> Connector::secure(Scope& scope,
                                                        std::unique_ptr<Stream> stream,
                                                        const Url& url,
                                                        const Deadlines& deadlines) {
  TlsPeer peer{.host = url.host, .origin = url.origin(), .place = url.endpoint()};
  TlsStream::Made session = co_await TlsStream::connect(scope, std::move(stream), network_.tls,
                                                        std::move(peer), deadlines.tls);
  if (!session) co_return fail(std::move(session.error()));
  co_return std::move(*session);
}

}  // namespace headrace
