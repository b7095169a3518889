// Requests through proxies: what goes over the wire, and who is named when it does not.
#include <doctest/doctest.h>

#include "net/http_client.h"
#include "tests/support/http.h"
#include "tests/support/loopback.h"

namespace headrace {
namespace {

// Variables of which one names a proxy on this machine.
ProxyRules rules_of(std::string proxy, std::string no_proxy = "") {
  return *ProxyRules::load({}, [=](std::string_view name) -> std::optional<std::string> {
    if (name == "HTTP_PROXY") return proxy;
    if (name == "NO_PROXY") return no_proxy;
    return std::nullopt;
  });
}

std::string address_of(std::uint16_t port, std::string_view user_info = "") {
  return "http://" + std::string(user_info) + "127.0.0.1:" + std::to_string(port);
}

// One after the other, over one client.
Task<void> get_all(NetLoop& net, const ProxyRules& rules, std::vector<std::string> urls,
                   std::vector<Result<HttpAnswer>>& answers) {
  HttpClient client(*net.loop.worker, net.resolver, {.network = {.proxies = rules}});
  for (const std::string& url : urls) {
    HttpRequest request{.url = *Url::parse(url), .stage = "test"};
    request.headers.add("authorization", "Bearer t");
    answers.push_back(co_await client.send(net.scope(), request));
  }
  co_await client.close_idle(net.scope());
}

Result<HttpAnswer> get(NetLoop& net, const ProxyRules& rules, std::string url,
                       RawPeer* peer = nullptr) {
  std::vector<Result<HttpAnswer>> answers;
  net.run(get_all(net, rules, {std::move(url)}, answers), peer);
  return std::move(answers[0]);
}

constexpr std::string_view fine = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";

// What a request becomes if the proxy says this.
Result<HttpAnswer> answered_with(std::string_view say, std::string* proxy = nullptr) {
  NetLoop net;
  RawPeer peer(*net.loop.worker, {{.say = std::string(say)}});
  if (proxy) *proxy = "127.0.0.1:" + std::to_string(peer.port);
  return get(net, rules_of(address_of(peer.port)), "http://hub.test/a", &peer);
}

}  // namespace

TEST_CASE("a proxy is asked for the whole URL, with its own credentials beside the target's") {
  NetLoop net;
  RawPeer peer(*net.loop.worker, {{.say = std::string(fine)}});
  ProxyRules rules = rules_of(address_of(peer.port, "user:pass@"));
  Result<HttpAnswer> answer = get(net, rules, "http://hub.test:8080/a?b=c", &peer);
  REQUIRE(answer);
  CHECK(answer->body == "a");
  CHECK(
      peer.heard.starts_with("GET http://hub.test:8080/a?b=c HTTP/1.1\r\nhost: hub.test:8080\r\n"));
  CHECK(peer.heard.contains("\r\nproxy-authorization: Basic dXNlcjpwYXNz\r\n"));
  CHECK(peer.heard.contains("\r\nauthorization: Bearer t\r\n"));
}

TEST_CASE("hosts behind one proxy share its connection, a straight one has its own") {
  NetLoop net;
  RawPeer peer(*net.loop.worker, {{.say = std::string(fine),
                                   .hold = true,
                                   .then_wait_for = "\r\n\r\n",
                                   .then_say = std::string(fine)}});
  std::string straight = net.url("/straight").text();
  std::vector<Result<HttpAnswer>> answers;
  ProxyRules rules = rules_of(address_of(peer.port, "user:pass@"), "127.0.0.1");
  net.run(get_all(net, rules, {"http://a.test/", straight, "http://b.test/"}, answers), &peer);
  for (const Result<HttpAnswer>& answer : answers) CHECK(answer.has_value());
  CHECK(peer.connections == 1);
  REQUIRE(net.handler.seen.size() == 1);
  CHECK(net.handler.seen[0].target == "/straight");
  CHECK(!net.handler.seen[0].headers.find("proxy-authorization"));
}

TEST_CASE("a redirect that leaves the proxy leaves its credentials there") {
  NetLoop net;
  std::string there = net.url("/there").text();
  RawPeer peer(*net.loop.worker,
               {{.say = "HTTP/1.1 302 Found\r\nLocation: " + there + "\r\n\r\n"}});
  ProxyRules rules = rules_of(address_of(peer.port, "user:pass@"), "127.0.0.1");
  Result<HttpAnswer> answer = get(net, rules, "http://hub.test/", &peer);
  REQUIRE(answer);
  REQUIRE(net.handler.seen.size() == 1);
  CHECK(net.handler.seen[0].target == "/there");
  CHECK(!net.handler.seen[0].headers.find("proxy-authorization"));
  CHECK(!net.handler.seen[0].headers.find("authorization"));
}

TEST_CASE("an answer of the proxy's own is an error that names it") {
  struct Row {
    std::string_view answer;
    std::string_view code;
    std::string_view stage;
    ErrorClass kind;
  };
  constexpr Row rows[] = {
      {"HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n", "proxy_auth_required", "proxy",
       ErrorClass::fail},
      {"HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nContent-Length: 0\r\n\r\n",
       "proxy_refused", "proxy", ErrorClass::fail},
      // Nobody knows whether the target has seen it, so the stage stays that of the request.
      {"HTTP/1.1 503 Unavailable\r\nServer: squid/5.7\r\nContent-Length: 0\r\n\r\n", "proxy_failed",
       "test", ErrorClass::retry},
      {"HTTP/1.0 500 Unable to connect\r\nServer: tinyproxy/1.11.1\r\n\r\n<html>", "proxy_failed",
       "test", ErrorClass::retry},
  };
  for (const Row& row : rows) {
    CAPTURE(row.answer);
    std::string proxy;
    Result<HttpAnswer> answer = answered_with(row.answer, &proxy);
    REQUIRE(!answer);
    const Error& error = answer.error();
    CHECK(error.code == row.code);
    CHECK(error.stage == row.stage);
    CHECK(error.kind == row.kind);
    CHECK(error.host == proxy);
    CHECK(error.status > 400);
    CHECK(error.url == "http://hub.test/a");
    CHECK(error.hint.contains("HTTP_PROXY"));
  }
}

TEST_CASE("what a proxy only passes on stays the target's") {
  for (std::string_view say : {"HTTP/1.1 403 Forbidden\r\nVia: 1.1 x (squid/5.7)\r\n\r\n",
                               "HTTP/1.1 503 Unavailable\r\nServer: nginx\r\n\r\n",
                               "HTTP/1.1 200 OK\r\nServer: squid/5.7\r\n\r\n"}) {
    CAPTURE(say);
    CHECK(answered_with(say).has_value());
  }
}

TEST_CASE("a connection that breaks on its way through a proxy is told so") {
  for (std::string_view say :
       {"", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na", "garbage\r\n"}) {
    CAPTURE(say);
    std::string proxy;
    Result<HttpAnswer> answer = answered_with(say, &proxy);
    REQUIRE(!answer);
    CHECK(answer.error().kind == ErrorClass::retry);
    CHECK(answer.error().host == proxy);
    CHECK(answer.error().message.contains(proxy));
    CHECK(answer.error().stage == "test");
  }
}

TEST_CASE("a proxy that cannot be reached is named, and so is what named it") {
  ClosedPort closed("127.0.0.1");
  const std::string place = text_of(closed.address);
  auto failure_of = [](const ProxyRules& rules, std::string url) {
    NetLoop net;
    Result<HttpAnswer> answer = get(net, rules, std::move(url));
    REQUIRE(!answer);
    return answer.error();
  };
  Error error = failure_of(rules_of("http://" + place), "http://hub.test/");
  CHECK(error.code == "connect_failed");
  CHECK(error.host == place);
  CHECK(error.hint.contains("HTTP_PROXY"));
  error = failure_of(rules_of("http://proxy.invalid:1"), "http://hub.test/");
  CHECK(error.stage == "resolve");
  CHECK(error.host == "proxy.invalid:1");
  error = failure_of(rules_of("socks5://proxy.test"), "http://hub.test/");
  CHECK(error.code == "proxy_unsupported");
  error = failure_of(rules_of("http://proxy.test", "127.0.0.1"), "http://" + place);
  CHECK(error.code == "connect_failed");
  CHECK(error.host == place);
  CHECK(error.hint.contains("NO_PROXY keeps 127.0.0.1 away"));
}

}  // namespace headrace
