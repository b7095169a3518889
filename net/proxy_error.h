// proxy_error.h: what goes wrong at a proxy, told so that nobody looks for it at the target. Pure.
//
// The host of such an error is the proxy, its hint names the variable or flag that named it. An
// answer is the proxy's own where its status is 407, or where it carries the fields that squid and
// tinyproxy put on pages they write themselves (X-Squid-Error, Server); whatever else an answer to
// a request that was passed on says, the target may have said it.
#pragma once

#include <cstdint>
#include <string_view>

#include "io/error.h"
#include "net/headers.h"
#include "net/route.h"

namespace headrace {

struct ProxyAnswer {
  int status = 0;
  const Headers& headers;
  std::string_view body;  // as much of it as is there
  std::int64_t now_unix_s = 0;
};

bool proxy_spoke(int status, const Headers& headers);
// proxy_auth_required; proxy_failed where it may pass, proxy_refused where it will not. Its stage
// is `proxy` where nothing can have reached the target.
Error error_of_proxy(const Route& route, const ProxyAnswer& answer);
// An error of the way to the proxy itself.
Error at_proxy(Error error, const ProxyServer& proxy);
// An error behind a proxy, or in it: nobody can tell from here.
Error through_proxy(Error error, const ProxyServer& proxy);

}  // namespace headrace
