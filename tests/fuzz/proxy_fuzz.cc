// NO_PROXY, a proxy's address, and a URL, on a line each.
#include <algorithm>

#include "net/address.h"
#include "net/http_head.h"
#include "net/no_proxy.h"
#include "net/route.h"
#include "tests/fuzz/fuzz.h"

namespace headrace {
namespace {

constexpr std::string_view separators = ", \t\r\n\v\f";

std::string upper_case(std::string_view text) {
  std::string copy(text);
  std::ranges::transform(copy, copy.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return copy;
}

bool any_entry_matches(std::string_view list, const Url& url) {
  while (!list.empty()) {
    std::string_view entry = list.substr(0, list.find_first_of(separators));
    if (NoProxy::parse(entry).matches(url)) return true;
    list.remove_prefix(std::min(entry.size() + 1, list.size()));
  }
  return false;
}

void check_list(std::string_view list, const Url& url) {
  bool matches = NoProxy::parse(list).matches(url);
  // A list says what its entries say, neither more nor less; case does not count.
  MUST(any_entry_matches(list, url) == matches);
  MUST(NoProxy::parse(upper_case(list)).matches(url) == matches);
  MUST(NoProxy::parse(std::string(list) + ",*").matches(url));
}

// Whoever is named is meant, at any port and at this one.
void check_itself(const Url& url) {
  bool address_like = url.host.contains(':');
  // No host begins with a dot; in an entry it means what is below the name.
  if (url.host.starts_with('.')) return;
  if (address_like && !numeric_address(url.host, url.port)) return;
  MUST(NoProxy::parse(url.host).matches(url));
  MUST(NoProxy::parse(url.endpoint()).matches(url));
  MUST(NoProxy::parse(url.origin()).matches(url));
}

void check_proxy(std::string_view text, const Url& url) {
  Result<ProxyServer> proxy = ProxyServer::parse(text, "X");
  if (!proxy) {
    MUST(proxy.error().code == "bad_proxy" || proxy.error().code == "proxy_unsupported");
    // It says what is wrong, and nothing of what was given.
    MUST(proxy.error().message == redact_text(proxy.error().message));
    MUST(proxy.error().message.starts_with("X "));
    return;
  }
  Result<ProxyServer> again = ProxyServer::parse(proxy->url.origin(), "X");
  MUST(again && again->url == proxy->url && again->authorization.empty());
  MUST(proxy->authorization.empty() || proxy->authorization.starts_with("Basic "));
  MUST(is_field_value(proxy->authorization));
  Route route{url, &*proxy};
  Result<std::string> head = route.head_of("GET", {});
  MUST(head && head->ends_with("\r\n\r\n"));
  MUST(route.forwarded() != route.tunnelled());
  // Credentials stand in the head of what is passed on, and nowhere in what goes through a tunnel.
  MUST(head->contains("proxy-authorization") ==
       (route.forwarded() && !proxy->authorization.empty()));
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace headrace;
  std::string_view input = text_of_input(data, size);
  std::string_view list = take_until(input, '\n');
  std::string_view proxy = take_until(input, '\n');
  Result<Url> url = Url::parse(input);
  if (!url) url = Url::parse("http://a.example.com:8080/");
  check_list(list, *url);
  check_itself(*url);
  check_proxy(proxy, *url);
  return 0;
}
