#include "net/tunnel.h"

#include <doctest/doctest.h>

#include "tests/support/http.h"

namespace headrace {
namespace {

const Url target = *Url::parse("https://hub.test/path?query");

ProxyServer proxy_at(std::uint16_t port, std::string_view user_info = "") {
  std::string address = "http://" + std::string(user_info) + "127.0.0.1:" + std::to_string(port);
  return *ProxyServer::parse(address, "HTTPS_PROXY");
}

Task<void> open_into(NetLoop& net, const ProxyServer& proxy, Duration limit,
                     std::optional<Result<std::unique_ptr<Stream>>>& opened) {
  Worker& worker = *net.loop.worker;
  int socket = worker.backend().make_socket(AF_INET);
  int connected =
      co_await worker.connect(net.scope(), socket, *numeric_address("127.0.0.1", proxy.url.port));
  REQUIRE(connected == 0);
  Route route{target, &proxy};
  opened.emplace(co_await open_tunnel(net.scope(), std::make_unique<PlainStream>(worker, socket),
                                      route, limit));
}

// Asks for a tunnel; what comes out of it until its end, three bytes at a time.
Task<void> drain(NetLoop& net, const ProxyServer& proxy, std::string& came) {
  std::optional<Result<std::unique_ptr<Stream>>> opened;
  co_await open_into(net, proxy, 10s, opened);
  REQUIRE(*opened);
  Stream& stream = ***opened;
  Status sent = co_await stream.send(net.scope(), std::as_bytes(std::span("hello", 5)), Slice());
  CHECK(sent.has_value());
  std::array<std::byte, 3> bytes{};
  while (true) {
    Result<std::size_t> got = co_await stream.receive(net.scope(), bytes);
    if (!got || *got == 0) break;
    came.append(reinterpret_cast<const char*>(bytes.data()), *got);
  }
  co_await stream.close(net.scope());
}

Error failure_of(RawPeer::Turn turn, Duration limit = 10s) {
  NetLoop net;
  RawPeer peer(*net.loop.worker, {std::move(turn)});
  ProxyServer proxy = proxy_at(peer.port);
  std::optional<Result<std::unique_ptr<Stream>>> opened;
  net.run(open_into(net, proxy, limit, opened), &peer);
  REQUIRE(!*opened);
  Error error = std::move(opened->error());
  CHECK(error.stage == "proxy");
  CHECK(error.host == proxy.url.endpoint());
  CHECK(error.hint.contains("HTTPS_PROXY"));
  return error;
}

}  // namespace

TEST_CASE("a tunnel is asked for with the proxy's credentials, and then it is the target's") {
  NetLoop net;
  RawPeer peer(*net.loop.worker, {{.say = "HTTP/1.1 200 Connection established\r\n\r\n",
                                   .then_wait_for = "hello",
                                   .then_say = "and back"}});
  ProxyServer proxy = proxy_at(peer.port, "user:pass@");
  std::string came;
  net.run(drain(net, proxy, came), &peer);
  CHECK(came == "and back");
  CHECK(peer.heard.starts_with("CONNECT hub.test:443 HTTP/1.1\r\nhost: hub.test:443\r\n"));
  CHECK(peer.heard.contains("\r\nproxy-authorization: Basic dXNlcjpwYXNz\r\n"));
  CHECK(peer.heard.ends_with("\r\n\r\nhello"));
  CHECK(!peer.heard.contains("query"));
}

TEST_CASE("what comes behind the answer is the tunnel's, whatever its head states") {
  for (std::string_view head :
       {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\nServer: x\r\n\r\n",
        "HTTP/1.1 204 None\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"}) {
    CAPTURE(head);
    NetLoop net;
    RawPeer peer(*net.loop.worker, {{.say = std::string(head) + "early bytes",
                                     .then_wait_for = "hello",
                                     .then_say = ", late ones"}});
    ProxyServer proxy = proxy_at(peer.port);
    std::string came;
    net.run(drain(net, proxy, came), &peer);
    CHECK(came == "early bytes, late ones");
    CHECK(!peer.heard.contains("proxy-authorization"));
  }
}

TEST_CASE("a proxy that opens no tunnel is named with its reason") {
  struct Row {
    std::string_view answer;
    std::string_view code;
    ErrorClass kind;
    int status;
    std::string_view words;
  };
  constexpr Row rows[] = {
      {"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", "proxy_auth_required",
       ErrorClass::fail, 407, ""},
      {"HTTP/1.0 403 Filtered\r\n\r\n<html><title>403 Filtered</title>", "proxy_refused",
       ErrorClass::fail, 403, "403 Filtered"},
      {"HTTP/1.1 503 Unavailable\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n\r\n", "proxy_failed",
       ErrorClass::retry, 503, "ERR_DNS_FAIL 0"},
      {"HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n\r\n", "proxy_refused",
       ErrorClass::fail, 302, ""},
      {"<html>Hello</html>\r\n", "bad_http", ErrorClass::retry, 0, ""},
      {"", "connection_closed", ErrorClass::retry, 0, ""},
      {"HTTP/1.1 200 OK\r\nX: ", "connection_closed", ErrorClass::retry, 0, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.answer);
    Error error = failure_of({.say = std::string(row.answer)});
    CHECK(error.code == row.code);
    CHECK(error.kind == row.kind);
    CHECK(error.status == row.status);
    CHECK(error.server_message == row.words);
  }
}

TEST_CASE("a proxy whose answer does not end, or does not come") {
  std::string endless = "HTTP/1.1 200 OK\r\n";
  while (endless.size() < 20'000) endless += "X-More: and more\r\n";
  CHECK(failure_of({.say = endless, .hold = true}).code == "http_limit");
  Error late = failure_of({.hold = true}, 20ms);
  CHECK(late.code == "proxy_timeout");
  CHECK(late.kind == ErrorClass::retry);
}

}  // namespace headrace
