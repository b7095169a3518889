// route.h: Route, the way a request takes: to whom, and through which proxy. Pure; borrows both.
//
// A proxy reads an http request and passes it on: it is asked for the whole URL, and several hosts
// may share a connection to it. For https it opens a tunnel (tunnel.h) that it cannot look into.
#pragma once

#include <string>
#include <string_view>

#include "net/headers.h"
#include "net/proxy.h"
#include "net/url.h"

namespace headrace {

struct Route {
  const Url& target;
  const ProxyServer* proxy = nullptr;  // null: straight

  bool forwarded() const { return proxy && !target.secure(); }
  bool tunnelled() const { return proxy && target.secure(); }

  // Requests whose routes have the same key may share a connection.
  std::string key() const;
  // The head of a request on this route. Credentials go to a proxy that passes it on, and to nobody
  // else; a tunnel has been given them before.
  Result<std::string> head_of(std::string_view method, const Headers& fields) const;
};

}  // namespace headrace
