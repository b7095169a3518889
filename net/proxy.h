// proxy.h: ProxyRules, which proxy a request goes through. Pure, immutable once made.
//
// Variables, as Python's urllib and with it requests and httpx2 read them: http_proxy and
// https_proxy by the scheme of what is asked for, all_proxy for what is left, no_proxy (no_proxy.h)
// for what goes straight; each in lower case first, then in upper case. One that is set and empty
// hides its twin. Where REQUEST_METHOD is set the program runs as a CGI script, and HTTP_PROXY is
// what a client sent as a header `Proxy`: only the lower case counts. Flags come first, as with
// curl: --proxy takes the place of the first three, an empty one lets everything go straight, and
// --no-proxy that of no_proxy, which holds for --proxy as well.
// A proxy is http://[USER:PASSWORD@]HOST[:PORT], https:// (TLS to the proxy itself), or without a
// scheme, which is http; user and password percent-encoded; the port 80 or 443 if there is none.
// A value that cannot be used is an error when a request would need it, not before, and is never
// repeated in a message, since it may hold a password.
// Fails with: bad_proxy, proxy_unsupported.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "io/error.h"
#include "net/no_proxy.h"
#include "net/url.h"

namespace headrace {

struct ProxyFlags {
  std::optional<std::string> proxy;
  std::optional<std::string> no_proxy;
};

struct ProxyServer {
  Url url;                    // scheme, host and port count
  std::string authorization;  // of the field Proxy-Authorization; a secret; empty: none
  std::string source;         // the variable or flag that names it, for messages

  static Result<ProxyServer> parse(std::string_view text, std::string_view source);
};

class ProxyRules {
 public:
  // The value of an environment variable, nothing if it is not set.
  using Variable = std::function<std::optional<std::string>(std::string_view name)>;

  ProxyRules() = default;  // everything goes straight
  // Fails for a flag only: it was given for this run, while a variable may be meant for others.
  static Result<ProxyRules> load(const ProxyFlags& flags, const Variable& variable);

  // The proxy for this URL, null where the request goes straight. Lives as long as the rules.
  Result<const ProxyServer*> choose(const Url& url) const;
  // What keeps this URL away from the proxy that it would else go through: the variable or flag;
  // empty where nothing does.
  std::string_view kept_straight_by(const Url& url) const;
  // No URL goes through a proxy.
  bool empty() const { return !http_ && !https_ && !all_; }

 private:
  using Named = std::optional<Result<ProxyServer>>;
  const Named& named_for(const Url& url) const;

  Named http_;
  Named https_;
  Named all_;
  NoProxy no_proxy_;
  std::string no_proxy_source_;
};

}  // namespace headrace
