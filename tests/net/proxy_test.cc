#include "net/proxy.h"

#include <map>

#include <doctest/doctest.h>

namespace headrace {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

ProxyRules::Variable reader_of(const Variables& variables) {
  return [variables](std::string_view name) -> std::optional<std::string> {
    auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

// The proxy's host, "straight", or the code of the error.
std::string way(const ProxyRules& rules, std::string_view url) {
  Result<const ProxyServer*> proxy = rules.choose(*Url::parse(url));
  if (!proxy) return proxy.error().code;
  return *proxy ? (*proxy)->url.host : "straight";
}

std::string way(const Variables& variables, std::string_view url) {
  return way(*ProxyRules::load({}, reader_of(variables)), url);
}

}  // namespace

TEST_CASE("each scheme has its variable, and what has none takes the one for all") {
  Variables both = {{"http_proxy", "http://a"}, {"https_proxy", "http://b"}};
  CHECK(way(both, "http://x.org/") == "a");
  CHECK(way(both, "https://x.org/") == "b");
  CHECK(way({{"https_proxy", "http://b"}}, "http://x.org/") == "straight");
  CHECK(way({{"all_proxy", "c"}, {"https_proxy", "http://b"}}, "http://x.org/") == "c");
  CHECK(way({{"all_proxy", "c"}, {"https_proxy", "http://b"}}, "https://x.org/") == "b");
  CHECK(way(Variables{}, "https://x.org/") == "straight");
}

TEST_CASE("lower case comes first, and empty hides its twin") {
  CHECK(way({{"HTTPS_PROXY", "http://u"}}, "https://x.org/") == "u");
  CHECK(way({{"HTTPS_PROXY", "http://u"}, {"https_proxy", "http://l"}}, "https://x.org/") == "l");
  CHECK(way({{"HTTPS_PROXY", "http://u"}, {"https_proxy", ""}}, "https://x.org/") == "straight");
  CHECK(way({{"http_proxy", ""}, {"ALL_PROXY", "http://c"}}, "http://x.org/") == "c");
  CHECK(way({{"ALL_PROXY", "http://c"}, {"NO_PROXY", "x.org"}}, "http://x.org/") == "straight");
  CHECK(way({{"ALL_PROXY", "c"}, {"NO_PROXY", "x.org"}, {"no_proxy", "y.org"}}, "http://x.org/") ==
        "c");
}

TEST_CASE("a CGI script does not take its proxy from a client's header") {
  CHECK(way({{"HTTP_PROXY", "evil"}}, "http://x.org/") == "evil");
  CHECK(way({{"HTTP_PROXY", "evil"}, {"REQUEST_METHOD", "GET"}}, "http://x.org/") == "straight");
  CHECK(way({{"http_proxy", "good"}, {"REQUEST_METHOD", "GET"}}, "http://x.org/") == "good");
  CHECK(way({{"HTTPS_PROXY", "good"}, {"REQUEST_METHOD", "GET"}}, "https://x.org/") == "good");
}

TEST_CASE("each flag takes the place of its variables") {
  ProxyRules::Variable variable =
      reader_of({{"https_proxy", "http://b"}, {"ALL_PROXY", "http://c"}, {"no_proxy", "x.org"}});
  ProxyRules one = *ProxyRules::load({.proxy = "http://flag:1", .no_proxy = {}}, variable);
  CHECK(way(one, "http://x.org/") == "straight");
  CHECK(way(one, "https://y.org/") == "flag");
  CHECK(!one.empty());
  ProxyRules other = *ProxyRules::load({.proxy = {}, .no_proxy = "y.org"}, variable);
  CHECK(way(other, "https://x.org/") == "b");
  CHECK(way(other, "https://y.org/") == "straight");
  CHECK(way(*ProxyRules::load({.proxy = {}, .no_proxy = "*"}, variable), "http://z/") ==
        "straight");
  CHECK(way(*ProxyRules::load({.proxy = {}, .no_proxy = ""}, variable), "http://x.org/") == "c");
  CHECK(ProxyRules::load({.proxy = "", .no_proxy = {}}, variable)->empty());
  CHECK(ProxyRules().empty());
  Result<ProxyRules> socks =
      ProxyRules::load({.proxy = "socks5://flag:1", .no_proxy = {}}, variable);
  REQUIRE(!socks);
  CHECK(socks.error().code == "proxy_unsupported");
}

TEST_CASE("what keeps a host away from a proxy is named, where there is one to be kept from") {
  ProxyRules::Variable variable = reader_of({{"https_proxy", "http://b"}, {"NO_PROXY", "x.org"}});
  ProxyRules rules = *ProxyRules::load({}, variable);
  CHECK(rules.kept_straight_by(*Url::parse("https://x.org/")) == "NO_PROXY");
  CHECK(rules.kept_straight_by(*Url::parse("https://y.org/")) == "");
  CHECK(rules.kept_straight_by(*Url::parse("http://x.org/")) == "");
  rules = *ProxyRules::load({.proxy = "p:1", .no_proxy = "x.org"}, variable);
  CHECK(rules.kept_straight_by(*Url::parse("http://x.org/")) == "--no-proxy");
}

TEST_CASE("a proxy that cannot be used is an error only to whom it concerns") {
  Variables socks = {{"ALL_PROXY", "socks5h://u:secretword@p:1080"}, {"no_proxy", "x.org"}};
  CHECK(way(socks, "https://x.org/") == "straight");
  CHECK(way(socks, "https://y.org/") == "proxy_unsupported");
  ProxyRules rules = *ProxyRules::load({}, reader_of(socks));
  Error error = rules.choose(*Url::parse("https://y.org/")).error();
  CHECK(error.message.contains("ALL_PROXY"));
  CHECK(!describe(error).contains("secretword"));
  CHECK(error.hint.contains("--no-proxy"));
}

TEST_CASE("every form of a proxy's address") {
  struct Row {
    const char* text;
    const char* origin;
    const char* authorization;
  };
  constexpr Row rows[] = {
      {"http://proxy:3128", "http://proxy:3128", ""},
      {"HTTP://Proxy:3128/", "http://proxy:3128", ""},
      {"proxy:3128", "http://proxy:3128", ""},
      {"proxy", "http://proxy", ""},
      {" proxy\n", "http://proxy", ""},
      {"https://proxy", "https://proxy", ""},
      {"https://proxy:8443/ignored?x", "https://proxy:8443", ""},
      {"http://[::1]:3128", "http://[::1]:3128", ""},
      {"http://user:pass@proxy:1", "http://proxy:1", "Basic dXNlcjpwYXNz"},
      {"user:pass@proxy:1", "http://proxy:1", "Basic dXNlcjpwYXNz"},
      {"http://user@proxy:1", "http://proxy:1", "Basic dXNlcjo="},
      {"http://:@proxy:1", "http://proxy:1", "Basic Og=="},
      {"http://us%40er:p%3Aa%2Fs%25@proxy:1", "http://proxy:1", "Basic dXNAZXI6cDphL3Ml"},
      {"http://user:p@ss@proxy:1", "http://proxy:1", "Basic dXNlcjpwQHNz"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    Result<ProxyServer> proxy = ProxyServer::parse(row.text, "X");
    REQUIRE(proxy);
    CHECK(proxy->url.origin() == row.origin);
    CHECK(proxy->authorization == row.authorization);
    CHECK(proxy->source == "X");
  }
}

TEST_CASE("what is no proxy is refused without being repeated") {
  for (std::string_view text :
       {"ftp://secretword@p:1", "http://secretword:%zz@p:1", "http://a%3Asecretword:b@p:1",
        "http://secretword@", "http://secretword@p:0", "http://secretword@p:99999",
        "http://secretword@p q", "http://u:secretword/x@p:1", "://secretword", "secretword:x:1",
        "http://u:secretword@p\r\nX: y"}) {
    CAPTURE(text);
    Result<ProxyServer> proxy = ProxyServer::parse(text, "HTTPS_PROXY");
    REQUIRE(!proxy);
    CHECK(proxy.error().code == "bad_proxy");
    CHECK(proxy.error().message.contains("HTTPS_PROXY"));
    CHECK(!describe(proxy.error()).contains("secretword"));
  }
}

}  // namespace headrace
