#include "net/connector.h"

#include <fmt/format.h>

#include "io/worker.h"
#include "net/address.h"
#include "net/dialer.h"
#include "net/proxy_error.h"
#include "net/tls_stream.h"
#include "net/tunnel.h"

namespace headrace {

Task<Result<std::unique_ptr<Stream>>> Connector::connect(Scope& scope, const Route& route,
                                                         const Deadlines& deadlines) {
  bool secure_somewhere = route.target.secure() || (route.proxy && route.proxy->url.secure());
  if (secure_somewhere && !network_.tls) {
    co_return fail(make_error(ErrorClass::fail, "https_unsupported",
                              "https is switched off here, there is no TLS")
                       .at("connect"));
  }
  Result<std::unique_ptr<Stream>> stream = co_await open(scope, route, deadlines);
  if (!stream || !route.target.secure()) co_return stream;
  stream = co_await secure(scope, std::move(*stream), route.target, deadlines);
  if (!stream && route.proxy) {
    co_return fail(through_proxy(std::move(stream.error()), *route.proxy));
  }
  co_return stream;
}

Task<Result<std::unique_ptr<Stream>>> Connector::open(Scope& scope, const Route& route,
                                                      const Deadlines& deadlines) {
  Result<std::unique_ptr<Stream>> stream;
  if (route.proxy) {
    stream = co_await by_proxy(scope, route, deadlines);
  } else {
    stream = co_await straight(scope, route.target, deadlines);
  }
  co_return stream;
}

Task<Result<std::unique_ptr<Stream>>> Connector::straight(Scope& scope, const Url& url,
                                                          const Deadlines& deadlines) {
  Result<std::unique_ptr<Stream>> stream = co_await reach(scope, url, deadlines);
  std::string_view kept_by = network_.proxies.kept_straight_by(url);
  if (stream || kept_by.empty() || stream.error().kind == ErrorClass::cancelled) co_return stream;
  // Behind a firewall this is the whole reason.
  std::string kept = fmt::format("{} keeps {} away from the proxy", kept_by, url.host);
  std::string& hint = stream.error().hint;
  hint = hint.empty() ? kept + ": look whether it should" : fmt::format("{}; {}", hint, kept);
  co_return stream;
}

Task<Result<std::unique_ptr<Stream>>> Connector::by_proxy(Scope& scope, const Route& route,
                                                          const Deadlines& deadlines) {
  const ProxyServer& proxy = *route.proxy;
  Result<std::unique_ptr<Stream>> stream = co_await reach(scope, proxy.url, deadlines);
  if (stream && proxy.url.secure()) {
    stream = co_await secure(scope, std::move(*stream), proxy.url, deadlines);
  }
  if (!stream) co_return fail(at_proxy(std::move(stream.error()), proxy));
  if (!route.tunnelled()) co_return stream;
  std::string address = (*stream)->address();
  stream = co_await open_tunnel(scope, std::move(*stream), route, deadlines.tunnel);
  if (!stream) co_return fail(std::move(stream.error()).from(address));
  co_return stream;
}

Task<Result<std::unique_ptr<Stream>>> Connector::reach(Scope& scope, const Url& url,
                                                       const Deadlines& deadlines) {
  Result<std::vector<SocketAddress>> addresses = co_await resolve(scope, url, deadlines.resolve);
  if (!addresses) co_return std::unexpected(std::move(addresses.error()));
  std::vector<SocketAddress> tried = scores_.worth_trying(std::move(*addresses), worker_.now());
  Result<Dialed> dialed = co_await dial(scope, tried, deadlines.connect, url.endpoint(), &scores_);
  if (!dialed) co_return std::unexpected(std::move(dialed.error()));
  co_return std::make_unique<PlainStream>(worker_, dialed->socket, text_of(dialed->address));
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
  std::string address = stream->address();
  TlsStream::Made session = co_await TlsStream::connect(scope, std::move(stream), network_.tls,
                                                        std::move(peer), deadlines.tls);
  if (!session) co_return fail(std::move(session.error()).from(address));
  co_return std::move(*session);
}

}  // namespace headrace
