#include "net/http_server.h"

#include <doctest/doctest.h>

#include "tests/support/http.h"

namespace headrace {
namespace {

using Seen = ScriptedHandler::Seen;

// What the server says to these bytes until it closes.
std::string talk(NetLoop& net, std::string text) {
  std::string got;
  net.run(raw_talk(net.scope(), net.port, std::move(text), got));
  return got;
}

std::size_t count_of(std::string_view text, std::string_view word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    ++count;
  }
  return count;
}

class PatternStream final : public ReplyStream {
 public:
  explicit PatternStream(std::uint64_t size) : size_(size) {}
  std::uint64_t size() const override { return size_; }
  Task<Result<std::size_t>> read(Scope&, std::uint64_t offset, std::span<std::byte> into) override {
    std::size_t count = std::min<std::size_t>(into.size(), 1000);
    for (std::size_t i = 0; i < count; ++i) into[i] = static_cast<std::byte>((offset + i) % 251);
    co_return count;
  }

 private:
  const std::uint64_t size_;
};

}  // namespace

TEST_CASE("requests in one go are answered one after the other") {
  NetLoop net;
  net.handler.reply = [](const Seen& seen) {
    ServerReply reply;
    reply.body = seen.target + ":" + seen.body;
    return reply;
  };
  std::string got = talk(net,
                         "PUT /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                         "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "2\r\nde\r\n1;x\r\nf\r\n0\r\n\r\n"
                         "GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(count_of(got, "HTTP/1.1 200 OK\r\n") == 3);
  CHECK(got.contains("/1:abc"));
  CHECK(got.contains("/2:def"));
  CHECK(got.ends_with("/3:"));
  CHECK(count_of(got, "connection: close") == 1);
  CHECK(count_of(got, "date: ") == 3);
}

TEST_CASE("HTTP/1.0 gets one answer") {
  NetLoop net;
  CHECK(count_of(talk(net, "GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n"), "HTTP/1.1 200") == 1);
}

TEST_CASE("what is malformed is refused and the connection closed") {
  struct Case {
    std::string text;
    std::string status;
  };
  for (const Case& one : std::vector<Case>{
           {"NONSENSE\r\n\r\n", "HTTP/1.1 400 "},
           {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
           {"GET / HTTP/1.1\r\nHost: h\r\nX: a\rY: b\r\n\r\n", "HTTP/1.1 400 "},
           {"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 400 "},
           {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 400 "},
           {"GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n",
            "HTTP/1.1 431 "}}) {
    CAPTURE(one.text.substr(0, 60));
    NetLoop net;
    std::string got = talk(net, one.text + "GET /second HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(got.starts_with(one.status));
    CHECK(got.contains("connection: close\r\n"));
    CHECK(count_of(got, "HTTP/1.1 ") == 1);
  }
}

TEST_CASE("a short body nobody read is drained, a long one ends the connection") {
  NetLoop net;
  net.handler.reads_bodies = false;
  std::string small = "PUT /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" +
                      std::string(100'000, 'x') +
                      "GET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  CHECK(count_of(talk(net, small), "HTTP/1.1 200 OK") == 2);
  NetLoop other;
  other.handler.reads_bodies = false;
  std::string large =
      "PUT /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n" + std::string(100'000, 'x');
  HttpServer::Options options{.linger_limit = 10ms};
  HttpServer impatient(*other.loop.worker, other.handler, options);
  std::uint16_t port = *impatient.listen("127.0.0.1", 0);
  std::string got;
  auto both = [](Scope& scope, HttpServer& server, Task<void> client) -> Task<void> {
    Scope serving(scope);
    serving.spawn(server.serve(serving));
    co_await client;
    serving.cancel();
    co_await serving.join();
  };
  other.run(both(other.scope(), impatient, raw_talk(other.scope(), port, large, got)));
  CHECK(got.starts_with("HTTP/1.1 200 OK"));
  CHECK(got.contains("connection: close"));
}

TEST_CASE("100 goes out when the handler asks for the body, and not before") {
  NetLoop net;
  std::string head =
      "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
      "Connection: close\r\n\r\n";
  // The body is there already: no 100 is needed.
  CHECK(talk(net, head + "ab").starts_with("HTTP/1.1 200 OK"));
  NetLoop refusing;
  refusing.handler.reads_bodies = false;
  refusing.handler.reply = [](const Seen&) {
    ServerReply reply;
    reply.status = 417;
    return reply;
  };
  HttpRequest request{.method = "PUT",
                      .url = refusing.url("/"),
                      .deadlines = {.continue_wait = 1h},
                      .expect_continue = true};
  request.body.add("ab");
  CHECK(refusing.send(request)->status == 417);
}

TEST_CASE("a streamed reply arrives whole, and HEAD gets its size only") {
  NetLoop net;
  net.handler.reply = [](const Seen&) {
    ServerReply reply;
    reply.stream = std::make_unique<PatternStream>(700'001);
    return reply;
  };
  HttpRequest request{.url = net.url("/")};
  Result<HttpAnswer> answer = net.send(request);
  REQUIRE(answer);
  REQUIRE(answer->body.size() == 700'001);
  bool same = true;
  for (std::size_t i = 0; i < answer->body.size(); ++i) {
    same = same && answer->body[i] == static_cast<char>(i % 251);
  }
  CHECK(same);
  NetLoop second;
  second.handler.reply = net.handler.reply;
  HttpRequest head{.method = "HEAD", .url = second.url("/")};
  answer = second.send(head);
  REQUIRE(answer);
  CHECK(answer->headers.find("content-length") == "700001");
  CHECK(answer->body.empty());
}

TEST_CASE("a reply that can't be written becomes a 500") {
  NetLoop net;
  net.handler.reply = [](const Seen&) {
    ServerReply reply;
    reply.headers.add("x", "a\r\nset-cookie: b");
    return reply;
  };
  std::string got = talk(net, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(got.starts_with("HTTP/1.1 500 "));
  CHECK(!got.contains("set-cookie"));
}

TEST_CASE("a connection can be cut on purpose") {
  NetLoop net;
  net.handler.reply = [](const Seen&) {
    ServerReply reply;
    reply.body = "hello";
    reply.cut_after = 12;
    return reply;
  };
  CHECK(talk(net, "GET / HTTP/1.1\r\nHost: h\r\n\r\n") == "HTTP/1.1 200");
}

TEST_CASE("listening where it can't is an error") {
  NetLoop net;
  HttpServer other(*net.loop.worker, net.handler);
  Result<std::uint16_t> port = other.listen("127.0.0.1", net.port);
  REQUIRE(!port);
  CHECK(port.error().code == "listen_failed");
  CHECK(port.error().sys_error == EADDRINUSE);
  CHECK(other.listen("no-number", 0).error().code == "bad_address");
  net.run([]() -> Task<void> { co_return; }());
}

}  // namespace headrace
