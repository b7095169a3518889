#include "net/http_client.h"

#include <doctest/doctest.h>

#include "io/arena.h"
#include "net/http_retry.h"
#include "tests/support/http.h"

namespace headrace {
namespace {

using Seen = ScriptedHandler::Seen;

ServerReply reply_with(int status, std::string body = "", Headers headers = {}) {
  ServerReply reply;
  reply.status = status;
  reply.body = std::move(body);
  reply.headers = std::move(headers);
  return reply;
}

// As many zeros as asked for; fails at an offset if told to.
class ZeroSource final : public RangeSource {
 public:
  std::uint64_t fails_at = ~0ull;
  std::uint64_t bytes_read = 0;
  Task<Result<std::size_t>> read(Scope&, std::uint64_t offset, std::span<std::byte> into) override {
    if (offset >= fails_at) {
      co_return fail(make_error(ErrorClass::changed, "source_changed", "the file changed"));
    }
    std::fill(into.begin(), into.end(), std::byte(0));
    bytes_read += into.size();
    co_return into.size();
  }
};

class LastSent final : public SendObserver {
 public:
  std::uint64_t bytes = 0;
  void body_sent(std::uint64_t total) override { bytes = total; }
};

// Names to fixed addresses, or nothing.
class TableResolver final : public Resolver {
 public:
  Task<Result<std::vector<SocketAddress>>> resolve(Scope& scope, std::string,
                                                   std::uint16_t) override {
    co_await scope.worker().sleep(scope, 1h);
    co_return fail(make_error(ErrorClass::cancelled, "cancelled", "cancelled"));
  }
};

}  // namespace

TEST_CASE("a request and its answer, field by field") {
  NetLoop net;
  net.handler.reply = [](const Seen& seen) {
    return reply_with(201, "got " + seen.body, {{"ETag", "\"x\""}});
  };
  HttpRequest request{.method = "POST", .url = net.url("/a%20b?c=d")};
  request.headers.add("authorization", "Bearer t");
  request.body.add("hello");
  Result<HttpAnswer> answer = net.send(request);
  REQUIRE(answer);
  CHECK(answer->status == 201);
  CHECK(answer->body == "got hello");
  CHECK(answer->headers.find("etag") == "\"x\"");
  CHECK(answer->final_url == request.url);
  REQUIRE(net.handler.seen.size() == 1);
  const Seen& seen = net.handler.seen[0];
  CHECK(seen.method == "POST");
  CHECK(seen.target == "/a%20b?c=d");
  CHECK(seen.headers.find("host") == request.url.authority());
  CHECK(seen.headers.find("content-length") == "5");
  CHECK(seen.headers.find("accept-encoding") == "identity");
  CHECK(seen.headers.value_or("user-agent", "").starts_with("headrace/"));
  CHECK(seen.headers.find("authorization") == "Bearer t");
  CHECK(!seen.headers.find("transfer-encoding"));
}

TEST_CASE("answers without a body, and a POST without one") {
  NetLoop net;
  net.handler.reply = [](const Seen& seen) {
    if (seen.method == "HEAD") return reply_with(200, "nine byte");
    return reply_with(seen.target == "/204" ? 204 : 304);
  };
  HttpRequest head{.method = "HEAD", .url = net.url("/")};
  Result<HttpAnswer> answer = net.send(head);
  REQUIRE(answer);
  CHECK(answer->body == "");
  CHECK(answer->headers.find("content-length") == "9");
}

TEST_CASE("one connection carries many requests") {
  NetLoop net;
  RawPeer peer(*net.loop.worker, {{.say = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
                                   .hold = true,
                                   .then_wait_for = "\r\n\r\n",
                                   .then_say = "HTTP/1.1 204 No Content\r\n\r\n"}});
  HttpRequest request{.url = *Url::parse(loopback_url(peer.port, "/"))};
  auto twice = [](NetLoop& loop, HttpRequest& get) -> Task<void> {
    Result<HttpAnswer> first = co_await loop.client.send(loop.scope(), get);
    CHECK(first->body == "a");
    CHECK(loop.client.idle_count() == 1);
    Result<HttpAnswer> second = co_await loop.client.send(loop.scope(), get);
    CHECK(second->status == 204);
    CHECK(loop.client.idle_count() == 1);
  };
  net.run(twice(net, request), &peer);
  CHECK(peer.connections == 1);
}

TEST_CASE("a connection that died idle costs an idempotent request nothing") {
  NetLoop net;
  RawPeer peer(*net.loop.worker, {{.say = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"}});
  HttpRequest request{.method = "PUT", .url = *Url::parse(loopback_url(peer.port, "/"))};
  request.body.add(std::string(100'000, 'x'));
  auto twice = [](NetLoop& loop, HttpRequest& put) -> Task<void> {
    Result<HttpAnswer> first = co_await loop.client.send(loop.scope(), put);
    CHECK(first);
    CHECK(loop.client.idle_count() == 1);
    Result<HttpAnswer> second = co_await loop.client.send(loop.scope(), put);
    CHECK(second);
  };
  net.run(twice(net, request), &peer);
  CHECK(peer.connections == 2);
}

TEST_CASE("what may not be sent twice goes over a new connection, once") {
  NetLoop net;
  RawPeer peer(
      *net.loop.worker,
      {{.say = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", .hold = true}, {.say = ""}});
  HttpRequest request{
      .method = "POST", .url = *Url::parse(loopback_url(peer.port, "/")), .idempotent = false};
  auto twice = [](NetLoop& loop, HttpRequest& post) -> Task<void> {
    Result<HttpAnswer> first = co_await loop.client.send(loop.scope(), post);
    CHECK(first);
    Result<HttpAnswer> second = co_await loop.client.send(loop.scope(), post);
    REQUIRE(!second);
    CHECK(second.error().code == "connection_closed");
    CHECK(second.error().kind == ErrorClass::retry);
  };
  net.run(twice(net, request), &peer);
  CHECK(peer.connections == 2);
}

TEST_CASE("an early refusal stops the sending") {
  NetLoop net;
  net.handler.reads_bodies = false;
  net.handler.reply = [](const Seen&) { return reply_with(403, "no"); };
  Arena arena(4 * block_size_bytes);
  {
    Ticket ticket = arena.try_reserve(2);
    ZeroSource source;
    LastSent sent;
    constexpr std::uint64_t size = 8ull << 30;
    HttpRequest request{.method = "PUT", .url = net.url("/part"), .observer = &sent};
    request.body.add(Body::Range{.source = &source, .offset = 0, .size = size, .ticket = &ticket});
    Result<HttpAnswer> answer = net.send(request);
    REQUIRE(answer);
    CHECK(answer->status == 403);
    CHECK(answer->body == "no");
    CHECK(source.bytes_read < size);
    CHECK(sent.bytes < size);
  }
  CHECK(arena.blocks_reserved() == 0);
}

TEST_CASE("a refusal is enough, even if the other side neither reads nor closes") {
  NetLoop net;
  RawPeer peer(*net.loop.worker,
               {{.say = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", .hold = true}});
  HttpRequest request{
      .method = "PUT", .url = *Url::parse(loopback_url(peer.port, "/")), .deadlines = {.idle = 1h}};
  request.body.add(std::string(40'000'000, 'x'));
  Result<HttpAnswer> answer = net.send(request, &peer);
  REQUIRE(answer);
  CHECK(answer->status == 403);
  CHECK(answer->body == "no");
}

TEST_CASE("bytes behind an answer spoil the connection") {
  NetLoop net;
  RawPeer peer(
      *net.loop.worker,
      {{.say = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n", .hold = true}});
  HttpRequest request{.url = *Url::parse(loopback_url(peer.port, "/"))};
  auto once = [](NetLoop& loop, HttpRequest& get) -> Task<void> {
    Result<HttpAnswer> answer = co_await loop.client.send(loop.scope(), get);
    CHECK(answer->body == "a");
    CHECK(loop.client.idle_count() == 0);
  };
  net.run(once(net, request), &peer);
}

TEST_CASE("an answer instead of 100 keeps the body here, whatever it says") {
  NetLoop net;
  RawPeer peer(*net.loop.worker,
               {{.say = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .hold = true}});
  LastSent sent;
  HttpRequest request{.method = "PUT",
                      .url = *Url::parse(loopback_url(peer.port, "/")),
                      .deadlines = {.continue_wait = 1h},
                      .expect_continue = true,
                      .observer = &sent};
  request.body.add("body");
  Result<HttpAnswer> answer = net.send(request, &peer);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(sent.bytes == 0);
}

TEST_CASE("after a network error the next try makes a connection of its own") {
  NetLoop net;
  RawPeer::Turn dies{.say = "HTTP/1.1 204 No Content\r\n\r\n",
                     .then_wait_for = "\r\n\r\n",
                     .then_say = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"};
  RawPeer peer(*net.loop.worker, {dies, dies, {.say = "HTTP/1.1 204 No Content\r\n\r\n"}});
  auto try_all = [](NetLoop& loop, std::uint16_t port) -> Task<void> {
    HttpRequest first{.url = *Url::parse(loopback_url(port, "/"))};
    HttpRequest second{.url = first.url};
    std::optional<Result<HttpAnswer>> answers[2];
    Scope both(loop.scope());
    both.spawn(loop.send_into(first, answers[0]));
    both.spawn(loop.send_into(second, answers[1]));
    co_await both.join();
    CHECK(loop.client.idle_count() == 2);
    Result<HttpAnswer> answer =
        co_await send_retried(loop.scope(), loop.client, first, {.base_ms = 1, .cap_ms = 1});
    REQUIRE(answer);
    CHECK(answer->status == 204);
    CHECK(!first.new_connection);
    CHECK(loop.client.idle_count() == 2);  // the other old one was not tried
  };
  net.run(try_all(net, peer.port), &peer);
  CHECK(peer.connections == 3);
}

TEST_CASE("no more connections stay open than are needed") {
  NetLoop net;
  auto send_at_once = [](NetLoop& loop, std::size_t count, bool anew) -> Task<void> {
    std::vector<std::optional<Result<HttpAnswer>>> answers(count);
    std::deque<HttpRequest> requests;
    Scope all(loop.scope());
    for (std::optional<Result<HttpAnswer>>& answer : answers) {
      HttpRequest& request = requests.emplace_back(HttpRequest{.url = loop.url("/")});
      request.new_connection = anew;
      all.spawn(loop.send_into(request, answer));
    }
    co_await all.join();
    for (std::optional<Result<HttpAnswer>>& answer : answers) CHECK(answer.value());
  };
  auto try_all = [&send_at_once](NetLoop& loop) -> Task<void> {
    HttpClient& client = loop.client;
    co_await send_at_once(loop, 5, false);
    CHECK(client.idle_count() == 5);
    std::optional<HttpClient::Need> need(client);
    co_await client.close_surplus(loop.scope());
    CHECK(client.idle_count() == 5);  // it has not said anything yet
    need->set(3);
    co_await client.close_surplus(loop.scope());
    CHECK(client.idle_count() == 3);
    co_await send_at_once(loop, 1, true);
    CHECK(client.idle_count() == 3);  // another one was closed for it
    co_await send_at_once(loop, 5, false);
    CHECK(client.idle_count() == 3);
    {
      HttpClient::Need other(client);
      other.set(1);
      co_await send_at_once(loop, 5, false);
      CHECK(client.idle_count() == 4);
    }
    co_await client.close_surplus(loop.scope());
    CHECK(client.idle_count() == 3);
    need.reset();
    co_await send_at_once(loop, 5, false);
    CHECK(client.idle_count() == 5);
  };
  net.run(try_all(net));
}

TEST_CASE("a body out of blocks arrives whole, and its progress is told") {
  NetLoop net;
  Arena arena(4 * block_size_bytes);
  Ticket ticket = arena.try_reserve(2);
  ZeroSource source;
  LastSent sent;
  HttpRequest request{.method = "PUT", .url = net.url("/part"), .observer = &sent};
  request.body.add("front");
  request.body.add(
      Body::Range{.source = &source, .offset = 0, .size = 5'000'000, .ticket = &ticket});
  Result<HttpAnswer> answer = net.send(request);
  REQUIRE(answer);
  REQUIRE(net.handler.seen.size() == 1);
  CHECK(net.handler.seen[0].body == "front" + std::string(5'000'000, '\0'));
  CHECK(sent.bytes == 5'000'005);
}

TEST_CASE("a body that fails ends the request with its own error") {
  NetLoop net;
  Arena arena(4 * block_size_bytes);
  Ticket ticket = arena.try_reserve(2);
  ZeroSource source;
  source.fails_at = 1'000'000;
  HttpRequest request{.method = "PUT", .url = net.url("/part?sig=secret"), .stage = "part"};
  request.body.add(
      Body::Range{.source = &source, .offset = 0, .size = 5'000'000, .ticket = &ticket});
  Result<HttpAnswer> answer = net.send(request);
  REQUIRE(!answer);
  CHECK(answer.error().code == "source_changed");
  CHECK(answer.error().kind == ErrorClass::changed);
  CHECK(answer.error().stage == "part");
  CHECK(answer.error().method == "PUT");
  CHECK(answer.error().url == net.url("/part").text());
}

TEST_CASE("100-continue: asked first, and a refusal keeps the body here") {
  NetLoop net;
  net.handler.reply = [](const Seen&) { return reply_with(200); };
  HttpRequest request{.method = "PUT",
                      .url = net.url("/"),
                      .deadlines = {.continue_wait = 1h},
                      .expect_continue = true};
  request.body.add("body");
  Result<HttpAnswer> answer = net.send(request);
  REQUIRE(answer);
  CHECK(net.handler.seen[0].body == "body");
  CHECK(net.handler.seen[0].headers.find("expect") == "100-continue");
  net.handler.seen.clear();

  NetLoop refusing;
  refusing.handler.reads_bodies = false;
  refusing.handler.reply = [](const Seen&) { return reply_with(403); };
  LastSent sent;
  request.url = refusing.url("/");
  request.observer = &sent;
  answer = refusing.send(request);
  REQUIRE(answer);
  CHECK(answer->status == 403);
  CHECK(sent.bytes == 0);
}

TEST_CASE("redirects keep the method, the body and, within an origin, the credentials") {
  NetLoop net;
  net.handler.reply = [&](const Seen& seen) {
    if (seen.target == "/here") return reply_with(307, "", {{"location", "there?x"}});
    return reply_with(200, seen.method + seen.target + seen.body);
  };
  HttpRequest request{.method = "PUT", .url = net.url("/here")};
  request.headers.add("Authorization", "Bearer t");
  request.body.add("b");
  Result<HttpAnswer> answer = net.send(request);
  REQUIRE(answer);
  CHECK(answer->body == "PUT/there?xb");
  CHECK(answer->final_url.target == "/there?x");
  CHECK(net.handler.seen[1].headers.find("authorization") == "Bearer t");
}

TEST_CASE("credentials never leave their origin") {
  NetLoop net;
  RawPeer peer(*net.loop.worker, {{.say = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " +
                                          net.url("/x").text() + "\r\n\r\n"}});
  HttpRequest request{.url = *Url::parse(loopback_url(peer.port, "/"))};
  request.headers.add("Authorization", "Bearer t");
  request.headers.add("cookie", "c");
  request.headers.add("x-other", "stays");
  Result<HttpAnswer> answer = net.send(request, &peer);
  REQUIRE(answer);
  REQUIRE(net.handler.seen.size() == 1);
  CHECK(!net.handler.seen[0].headers.find("authorization"));
  CHECK(!net.handler.seen[0].headers.find("cookie"));
  CHECK(net.handler.seen[0].headers.find("x-other") == "stays");
  CHECK(peer.heard.contains("Bearer t"));
}

TEST_CASE("redirects that are refused") {
  NetLoop net;
  net.handler.reply = [&](const Seen& seen) {
    if (seen.target == "/nowhere") return reply_with(302);
    if (seen.target == "/bad") return reply_with(302, "", {{"location", "ftp://x/"}});
    return reply_with(302, "", {{"location", "/loop"}});
  };
  auto code = [&](std::string method, std::string_view target) {
    NetLoop fresh;
    fresh.handler.reply = net.handler.reply;
    HttpRequest request{.method = std::move(method), .url = fresh.url(target)};
    Result<HttpAnswer> answer = fresh.send(request);
    return answer ? std::to_string(answer->status) : answer.error().code;
  };
  CHECK(code("POST", "/loop") == "redirect_refused");
  CHECK(code("GET", "/nowhere") == "redirect_refused");
  CHECK(code("GET", "/bad") == "bad_url");
  CHECK(code("GET", "/loop") == "too_many_redirects");
  HttpRequest looping{.url = net.url("/loop")};
  CHECK(!net.send(looping));
  CHECK(net.handler.seen.size() == 6);
  NetLoop plain;
  plain.handler.reply = net.handler.reply;
  HttpRequest request{.url = plain.url("/loop"), .follow_redirects = false};
  CHECK(plain.send(request)->status == 302);
}

TEST_CASE("what servers get wrong, by its code") {
  struct Wrong {
    std::string say;
    std::string code;
    ErrorClass kind;
  };
  for (const Wrong& wrong : std::vector<Wrong>{
           {"", "connection_closed", ErrorClass::retry},
           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "connection_closed",
            ErrorClass::retry},
           {"SSH-2.0-x\r\n\r\n", "bad_http", ErrorClass::retry},
           {"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "answer_too_large",
            ErrorClass::fail},
           {"HTTP/1.1 200 OK\r\n\r\n" + std::string(1000, 'x'), "answer_too_large",
            ErrorClass::fail},
           {"HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'), "http_limit", ErrorClass::fail}}) {
    CAPTURE(wrong.say.substr(0, 40));
    NetLoop net;
    RawPeer peer(*net.loop.worker, {{.say = wrong.say}});
    HttpRequest request{.url = *Url::parse(loopback_url(peer.port, "/p?q")),
                        .answer_size_max = 999,
                        .stage = "verify"};
    Result<HttpAnswer> answer = net.send(request, &peer);
    REQUIRE(!answer);
    CHECK(answer.error().code == wrong.code);
    CHECK(answer.error().kind == wrong.kind);
    CHECK(answer.error().host == request.url.authority());
    CHECK(answer.error().url == request.url.redacted());
    CHECK(answer.error().stage == "verify");
    CHECK(net.client.idle_count() == 0);
  }
}

TEST_CASE("each phase has its deadline") {
  auto code = [](RawPeer::Turn turn, Deadlines deadlines, std::size_t body_size) {
    NetLoop net;
    turn.hold = true;
    RawPeer peer(*net.loop.worker, {turn});
    HttpRequest request{
        .method = "PUT", .url = *Url::parse(loopback_url(peer.port, "/")), .deadlines = deadlines};
    request.body.add(std::string(body_size, 'x'));
    Result<HttpAnswer> answer = net.send(request, &peer);
    REQUIRE(!answer);
    CHECK(answer.error().kind == ErrorClass::retry);
    CHECK(answer.error().message.contains(request.url.authority()));
    CHECK(answer.error().address == request.url.authority());
    return answer.error().code;
  };
  CHECK(code({}, {.first_byte = 30ms, .idle = 1h}, 10) == "first_byte_timeout");
  // More than both sockets hold, and nobody reads.
  CHECK(code({}, {.first_byte = 1h, .idle = 30ms}, 40'000'000) == "stalled");
  CHECK(code({.say = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"},
             {.first_byte = 1h, .idle = 30ms}, 10) == "stalled");
  CHECK(code({.say = "HTTP/1.1 200"}, {.first_byte = 30ms, .idle = 30ms}, 10) ==
        "first_byte_timeout");
}

TEST_CASE("a name service that does not answer runs into its deadline") {
  NetLoop net;
  TableResolver resolver;
  HttpClient client(*net.loop.worker, resolver);
  std::string code;
  auto ask = [](Scope& scope, HttpClient& the_client, std::string& the_code) -> Task<void> {
    HttpRequest request{.url = *Url::parse("http://slow.example/"), .deadlines = {.resolve = 20ms}};
    Result<HttpAnswer> answer = co_await the_client.send(scope, request);
    the_code = answer ? "" : answer.error().code;
  };
  net.run(ask(net.scope(), client, code));
  CHECK(code == "resolve_timeout");
}

TEST_CASE("a cancelled request ends as cancelled, at any moment") {
  for (Duration after : {0ms, 1ms, 5ms}) {
    NetLoop net;
    RawPeer peer(*net.loop.worker, {{.hold = true}});
    HttpRequest request{.method = "PUT", .url = *Url::parse(loopback_url(peer.port, "/"))};
    request.body.add(std::string(40'000'000, 'x'));
    auto cut = [](NetLoop& loop, HttpRequest& put, Duration limit) -> Task<void> {
      Scope limited(loop.scope(), limit);
      Result<HttpAnswer> answer = co_await loop.client.send(limited, put);
      REQUIRE(!answer);
      CHECK(answer.error().kind == ErrorClass::cancelled);
    };
    net.run(cut(net, request, after), &peer);
  }
}

TEST_CASE("https is refused where there is no TLS") {
  NetLoop net;
  HttpRequest request{.url = *Url::parse("https://127.0.0.1:1/")};
  CHECK(net.send(request).error().code == "https_unsupported");
}

TEST_CASE("an error out of an answer") {
  HttpRequest request{.method = "PUT", .url = *Url::parse("http://h/p?sig=1"), .stage = "part"};
  HttpAnswer answer{.status = 503,
                    .headers = {{"Retry-After", "2"}, {"x-amz-request-id", "R1"}},
                    .body = "<?xml?><Error><Code>SlowDown</Code><Message>Reduce</Message></Error>",
                    .final_url = request.url,
                    .address = "192.0.2.1:80"};
  Error error = error_of_answer(answer, request, 0);
  CHECK(error.kind == ErrorClass::retry);
  CHECK(error.code == "http_status");
  CHECK(error.status == 503);
  CHECK(error.request_id == "R1");
  CHECK(error.server_message == "SlowDown: Reduce");
  CHECK(error.retry_after_ms == 2000);
  CHECK(error.url == "http://h/p");
  CHECK(error.host == "h");
  CHECK(error.address == "192.0.2.1:80");
  CHECK(error.stage == "part");
  CHECK(error.method == "PUT");
  answer = {.status = 404,
            .headers = {{"X-Request-Id", "R2"}},
            .body = " {\"error\":\"no\"}\n",
            .final_url = request.url,
            .address = {}};
  error = error_of_answer(answer, request, 0);
  CHECK(error.kind == ErrorClass::fail);
  CHECK(error.code == "http_status");
  CHECK(error.server_message == "{\"error\":\"no\"}");
  CHECK(error.request_id == "R2");
  answer.body = "<html><body>nginx</body></html>";
  CHECK(error_of_answer(answer, request, 0).server_message == "");
}

TEST_CASE("retries until it works, or until the tries are used up") {
  auto retried = [](NetLoop& loop, HttpRequest& request, RetryObserver* observer) {
    std::optional<Result<HttpAnswer>> answer;
    auto run = [](NetLoop& the_loop, HttpRequest& the_request, RetryObserver* the_observer,
                  std::optional<Result<HttpAnswer>>& into) -> Task<void> {
      Result<HttpAnswer> got = co_await send_retried(the_loop.scope(), the_loop.client, the_request,
                                                     {.base_ms = 1, .cap_ms = 2}, the_observer);
      into = std::move(got);
    };
    loop.run(run(loop, request, observer, answer));
    return std::move(*answer);
  };
  struct Counter final : RetryObserver {
    int waits = 0;
    int tries_again = 0;
    void retry_waits(const Error& error, std::int64_t) override {
      CHECK(error.status == 503);
      ++waits;
    }
    Task<Status> retry_goes_on(Scope&) override {
      ++tries_again;
      co_return Status();
    }
  };
  NetLoop net;
  net.handler.reply = [&](const Seen&) {
    return reply_with(net.handler.seen.size() < 3 ? 503 : 200, "", {{"retry-after", "0"}});
  };
  HttpRequest request{.method = "PUT", .url = net.url("/")};
  request.body.add("again");
  Counter counter;
  Result<HttpAnswer> answer = retried(net, request, &counter);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(counter.waits == 2);
  CHECK(counter.tries_again == 2);
  for (const Seen& seen : net.handler.seen) CHECK(seen.body == "again");

  NetLoop broken;
  broken.handler.reply = [](const Seen&) { return reply_with(500); };
  request.url = broken.url("/");
  answer = retried(broken, request, nullptr);
  REQUIRE(!answer);
  CHECK(answer.error().attempts == 5);
  CHECK(answer.error().status == 500);
  CHECK(broken.handler.seen.size() == 5);

  NetLoop refusing;
  refusing.handler.reply = [](const Seen&) { return reply_with(403); };
  request.url = refusing.url("/");
  answer = retried(refusing, request, nullptr);
  REQUIRE(answer);
  CHECK(answer->status == 403);
  CHECK(refusing.handler.seen.size() == 1);
}

}  // namespace headrace
