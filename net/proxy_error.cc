#include "net/proxy_error.h"

#include <fmt/format.h>

#include "net/http_head.h"
#include "net/retry.h"

namespace headrace {
namespace {

// What a person can still read in an error.
constexpr std::size_t page_title_size_max = 200;

// "squid/5.7", "tinyproxy/1.11.1"
bool names_a_proxy(std::string_view server) {
  return server.starts_with("squid") || server.starts_with("tinyproxy");
}

// The one line of a page written for people that says what it is about.
std::string words_of(const ProxyAnswer& answer) {
  if (auto code = answer.headers.find("x-squid-error")) {
    return redact_text(*code, page_title_size_max);
  }
  std::size_t begin = answer.body.find("<title>");
  if (begin == std::string_view::npos) return {};
  std::string_view title = answer.body.substr(begin + 7);
  return redact_text(title.substr(0, title.find('<')), page_title_size_max);
}

Error auth_error(const ProxyServer& proxy, const Headers& headers) {
  bool basic = true;
  std::string others;
  for (const auto& [name, value] : headers) {
    if (!same_name(name, "proxy-authenticate")) continue;
    std::string_view scheme = trimmed(value).substr(0, trimmed(value).find(' '));
    if (others.empty()) basic = false;
    basic = basic || same_name(scheme, "basic");
    others += (others.empty() ? "" : ", ") + std::string(scheme);
  }
  std::string what = proxy.authorization.empty()
                         ? std::string("wants a user and a password")
                         : fmt::format("does not accept the user and password of {}", proxy.source);
  Error error =
      make_error(ErrorClass::fail, "proxy_auth_required",
                 fmt::format("the proxy {} {}", proxy.url.endpoint(),
                             basic ? what : fmt::format("accepts only {} credentials", others)));
  return std::move(error).hinting(
      basic ? fmt::format("write them into {}: http://USER:PASSWORD@HOST:PORT, with special "
                          "characters as %XX",
                          proxy.source)
            : "headrace speaks Basic: ask whoever runs the proxy for that, or put a proxy of your "
              "own in between");
}

}  // namespace

bool proxy_spoke(int status, const Headers& headers) {
  if (status < 400) return false;
  return status == 407 || headers.find("x-squid-error") ||
         names_a_proxy(headers.value_or("server", ""));
}

Error error_of_proxy(const Route& route, const ProxyAnswer& answer) {
  const ProxyServer& proxy = *route.proxy;
  ErrorClass kind = class_of_status(answer.status);
  Error error;
  if (answer.status == 407) {
    error = auth_error(proxy, answer.headers);
  } else if (kind == ErrorClass::retry) {
    error = make_error(kind, "proxy_failed",
                       fmt::format("the proxy {} could not get through to {}: it answered {} {}",
                                   proxy.url.endpoint(), route.target.endpoint(), answer.status,
                                   reason_of(answer.status)));
  } else {
    error = make_error(kind, "proxy_refused",
                       fmt::format("the proxy {} does not let anything through to {}: it answered "
                                   "{} {}",
                                   proxy.url.endpoint(), route.target.endpoint(), answer.status,
                                   reason_of(answer.status)));
  }
  error.host = proxy.url.endpoint();
  error.status = answer.status;
  error.server_message = words_of(answer);
  error.retry_after_ms = wait_asked_ms(answer.headers, answer.now_unix_s);
  if (route.tunnelled() || error.kind == ErrorClass::fail) error = std::move(error).at("proxy");
  return std::move(error).hinting(
      fmt::format("{0} names this proxy: ask whoever runs it, or let {1} go without it: "
                  "--no-proxy {1}",
                  proxy.source, route.target.host));
}

Error at_proxy(Error error, const ProxyServer& proxy) {
  error.host = proxy.url.endpoint();
  if (error.kind == ErrorClass::cancelled) return error;
  error.message = fmt::format("the proxy {}: {}", proxy.url.endpoint(), error.message);
  error.hint = fmt::format(
      "{} names this proxy: look whether it is running and rightly named, or "
      "go without it: --no-proxy '*'",
      proxy.source);
  return error;
}

Error through_proxy(Error error, const ProxyServer& proxy) {
  if (error.kind == ErrorClass::cancelled) return error;
  error.message += fmt::format(" (through the proxy {} of {})", proxy.url.endpoint(), proxy.source);
  return error;
}

}  // namespace headrace
