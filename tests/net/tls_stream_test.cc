#include "net/tls_stream.h"

#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "tests/support/certificates.h"
#include "tests/support/http.h"
#include "tests/support/loopback.h"
#include "tests/support/random_bytes.h"

namespace headrace {
namespace {

// What a client and a server of these tests know of each other.
struct Identity {
  TestFolder folder;
  Certificate authority = make_authority();
  Certificate certificate = make_certificate({}, &authority);
  std::string authority_path = folder.write("authority.pem", authority.pem());
  std::string certificate_path = folder.write("server.pem", certificate.pem());
  std::string key_path = folder.write("server.key", certificate.key_pem());
  std::shared_ptr<const TlsContext> client =
      TlsContext::of_client({.trust = {.source = "--ca-cert", .path = authority_path}});
  std::shared_ptr<const TlsContext> server = *TlsContext::of_server(certificate_path, key_path);
};

TlsPeer peer_named(const std::string& host) {
  return {.host = host, .origin = "https://" + host, .place = host + ":443"};
}

// Two connected sockets of one loop.
struct Pair {
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

Task<void> connect_pair(Scope& scope, Pair& pair) {
  Worker& worker = scope.worker();
  SocketAddress address = loopback();
  int listener = worker.backend().listen(address);
  int socket = worker.backend().make_socket(AF_INET);
  int connected = co_await worker.connect(scope, socket, address);
  int accepted = co_await worker.accept(scope, listener);
  co_await worker.close(scope, listener);
  REQUIRE(connected == 0);
  REQUIRE(accepted >= 0);
  pair.client = std::make_unique<PlainStream>(worker, socket);
  pair.server = std::make_unique<PlainStream>(worker, accepted);
}

// A stream that shows what goes through it, and can hold it back or damage it.
class WatchedStream final : public Stream {
 public:
  explicit WatchedStream(std::unique_ptr<Stream> below) : below_(std::move(below)) {}
  std::vector<std::size_t> sent;
  Scope* gate = nullptr;  // sends wait until it is cancelled
  bool flips_a_bit = false;
  std::uint64_t paced = 0;

  Task<Result<std::size_t>> receive(Scope& scope, std::span<std::byte> into) override {
    Result<std::size_t> got = co_await below_->receive(scope, into);
    co_return got;
  }
  Task<Status> send(Scope& scope, std::span<const std::byte> bytes, Slice hold) override {
    sent.push_back(bytes.size());
    if (gate) co_await scope.worker().sleep(*gate, 1h);
    std::vector<std::byte> copy(bytes.begin(), bytes.end());
    if (flips_a_bit) copy.back() ^= std::byte(1);
    Status done = co_await below_->send(scope, copy, std::move(hold));
    co_return done;
  }
  Task<void> close(Scope& scope) override { co_await below_->close(scope); }
  std::int64_t unacknowledged() override { return 4711; }
  Duration round_trip() override { return 12ms; }
  void pace(std::uint64_t rate) override { paced = rate; }

 private:
  std::unique_ptr<Stream> below_;
};

Task<void> accept_into(Scope& scope, std::unique_ptr<Stream> below,
                       std::shared_ptr<const TlsContext> context,
                       std::optional<TlsStream::Made>& to) {
  to.emplace(co_await TlsStream::accept(scope, std::move(below), std::move(context), 10s));
}

// A session and both its ends.
struct Session {
  std::optional<TlsStream::Made> client;
  std::optional<TlsStream::Made> server;
  TlsStream& ours() { return **client.value(); }
  TlsStream& theirs() { return **server.value(); }
};

Task<void> make_session(Scope& scope, const Identity& identity, Pair& pair, Session& session,
                        TlsPeer peer = peer_named("localhost")) {
  Scope accepting(scope);
  accepting.spawn(accept_into(accepting, std::move(pair.server), identity.server, session.server));
  session.client.emplace(co_await TlsStream::connect(scope, std::move(pair.client), identity.client,
                                                     std::move(peer), 10s));
  co_await accepting.join();
}

Task<void> close_session(Scope& scope, Session& session) {
  if (session.client && *session.client) co_await session.ours().close(scope);
  if (session.server && *session.server) co_await session.theirs().close(scope);
}

Task<void> send_text(Scope& scope, Stream& stream, const std::string& text, Status& status) {
  status = co_await stream.send(scope, std::as_bytes(std::span(text)), Slice());
}

Task<void> receive_text(Scope& scope, Stream& stream, std::size_t size, std::string& text,
                        Status& status) {
  std::vector<std::byte> bytes(64 * 1024);
  while (text.size() < size) {
    Result<std::size_t> got = co_await stream.receive(scope, bytes);
    if (!got) {
      status = std::unexpected(std::move(got.error()));
      co_return;
    }
    if (*got == 0) co_return;
    text.append(reinterpret_cast<const char*>(bytes.data()), *got);
  }
}

Task<void> receive_once(Scope& scope, Stream& stream, std::optional<Result<std::size_t>>& got) {
  std::vector<std::byte> bytes(1024);
  got.emplace(co_await stream.receive(scope, bytes));
}

Task<void> both_ways(Scope& scope, Stream& one, Stream& other, std::size_t size) {
  std::string there = random_bytes(1, size);
  std::string back = random_bytes(2, size);
  std::string got_there;
  std::string got_back;
  Status statuses[4];
  Scope moving(scope);
  moving.spawn(send_text(moving, one, there, statuses[0]));
  moving.spawn(send_text(moving, other, back, statuses[1]));
  moving.spawn(receive_text(moving, other, size, got_there, statuses[2]));
  moving.spawn(receive_text(moving, one, size, got_back, statuses[3]));
  co_await moving.join();
  for (const Status& status : statuses) CHECK(status.has_value());
  CHECK(got_there == there);
  CHECK(got_back == back);
}

}  // namespace

TEST_CASE("bytes go both ways at once") {
  Loop loop;
  Identity identity;
  auto test = [](Scope& scope, const Identity& known) -> Task<void> {
    Pair pair;
    co_await connect_pair(scope, pair);
    Session session;
    co_await make_session(scope, known, pair, session);
    REQUIRE(session.client->has_value());
    REQUIRE(session.server->has_value());
    TlsFacts facts = session.ours().facts();
    CHECK(facts.version == "TLSv1.3");
    CHECK(!facts.resumed);
    REQUIRE(facts.chain.size() == 1);
    CHECK(facts.chain[0].subject == "CN=a server");
    CHECK(facts.chain[0].issuer == "CN=a test's authority");
    CHECK(facts.chain[0].names == "localhost, 127.0.0.1");
    co_await both_ways(scope, session.ours(), session.theirs(), 5'000'000);
    co_await close_session(scope, session);
  };
  loop.run(test(*loop.scope, identity));
}

TEST_CASE("sixteen records go out in one send") {
  Loop loop;
  Identity identity;
  auto test = [](Scope& scope, const Identity& known) -> Task<void> {
    Pair pair;
    co_await connect_pair(scope, pair);
    auto watched = std::make_unique<WatchedStream>(std::move(pair.client));
    WatchedStream& below = *watched;
    pair.client = std::move(watched);
    Session session;
    co_await make_session(scope, known, pair, session);
    CHECK(session.ours().unacknowledged() == 4711);
    CHECK(session.ours().round_trip() == 12ms);
    session.ours().pace(5);
    CHECK(below.paced == 5);
    below.sent.clear();
    std::string block(block_size_bytes, 'x');
    std::string got;
    Status sent;
    Status received;
    Scope moving(scope);
    moving.spawn(receive_text(moving, session.theirs(), block.size(), got, received));
    co_await send_text(scope, session.ours(), block, sent);
    co_await moving.join();
    CHECK(sent.has_value());
    CHECK(got == block);
    CHECK(below.sent.size() == 1);
    CHECK(below.sent.at(0) > block.size());
    CHECK(below.sent.at(0) <= RecordBuffer::size_bytes);
    co_await close_session(scope, session);
  };
  loop.run(test(*loop.scope, identity));
}

TEST_CASE("a session runs within a session") {
  Loop loop;
  Identity identity;
  auto test = [](Scope& scope, const Identity& known) -> Task<void> {
    Pair pair;
    co_await connect_pair(scope, pair);
    Session outer;
    co_await make_session(scope, known, pair, outer);
    Pair inside{.client = std::move(**outer.client), .server = std::move(**outer.server)};
    Session inner;
    co_await make_session(scope, known, inside, inner, peer_named("127.0.0.1"));
    REQUIRE(inner.client->has_value());
    co_await both_ways(scope, inner.ours(), inner.theirs(), 1'000'000);
    co_await close_session(scope, inner);
  };
  loop.run(test(*loop.scope, identity));
}

TEST_CASE("an end that was meant, and one that was not") {
  Loop loop;
  Identity identity;
  auto test = [](Scope& scope, const Identity& known, bool meant) -> Task<void> {
    Pair pair;
    co_await connect_pair(scope, pair);
    Session session;
    co_await make_session(scope, known, pair, session);
    if (!meant) {
      // Bytes that were cut off: the other side must not take it for the end.
      Scope stopped(scope);
      stopped.cancel();
      Status sent;
      co_await send_text(stopped, session.theirs(), "never all of it", sent);
      CHECK(sent.error().kind == ErrorClass::cancelled);
    }
    co_await session.theirs().close(scope);
    std::optional<Result<std::size_t>> got;
    co_await receive_once(scope, session.ours(), got);
    if (meant) {
      CHECK(got->value() == 0);
    } else {
      REQUIRE(!*got);
      CHECK(got->error().code == "tls_truncated");
      CHECK(got->error().kind == ErrorClass::retry);
      CHECK(got->error().stage == "tls");
    }
    co_await session.ours().close(scope);
  };
  loop.run(test(*loop.scope, identity, true));
  loop.run(test(*loop.scope, identity, false));
}

TEST_CASE("bytes that were changed on the way are noticed, and both sides know") {
  Loop loop;
  Identity identity;
  auto test = [](Scope& scope, const Identity& known) -> Task<void> {
    Pair pair;
    co_await connect_pair(scope, pair);
    auto watched = std::make_unique<WatchedStream>(std::move(pair.client));
    WatchedStream& below = *watched;
    pair.client = std::move(watched);
    Session session;
    co_await make_session(scope, known, pair, session);
    below.flips_a_bit = true;
    Status sent;
    co_await send_text(scope, session.ours(), "words", sent);
    std::optional<Result<std::size_t>> theirs;
    std::optional<Result<std::size_t>> ours;
    co_await receive_once(scope, session.theirs(), theirs);
    co_await receive_once(scope, session.ours(), ours);
    REQUIRE(!*theirs);
    CHECK(theirs->error().code == "tls_failed");
    CHECK(theirs->error().kind == ErrorClass::retry);
    REQUIRE(!*ours);
    CHECK(ours->error().code == "tls_alert");
    CHECK(ours->error().kind == ErrorClass::retry);
    co_await close_session(scope, session);
  };
  loop.run(test(*loop.scope, identity));
}

TEST_CASE("a second session resumes the first, with the same origin only") {
  Loop loop;
  Identity identity;
  auto test = [](Scope& scope, const Identity& known, TlsPeer peer, bool resumes) -> Task<void> {
    Pair pair;
    co_await connect_pair(scope, pair);
    Session session;
    co_await make_session(scope, known, pair, session, std::move(peer));
    CHECK(session.ours().facts().resumed == resumes);
    // What can be resumed comes behind the handshake.
    co_await both_ways(scope, session.ours(), session.theirs(), 10);
    co_await close_session(scope, session);
  };
  loop.run(test(*loop.scope, identity, peer_named("localhost"), false));
  loop.run(test(*loop.scope, identity, peer_named("localhost"), true));
  loop.run(test(*loop.scope, identity, peer_named("127.0.0.1"), false));
  loop.run(test(*loop.scope, identity, peer_named("localhost"), true));
}

TEST_CASE("certificates that are not to be believed") {
  Identity identity;
  Certificate other = make_authority("somebody else");
  const long day = 24L * 3600;
  struct Row {
    const char* code;
    const char* host;
    Certificate certificate;
  };
  const Certificate& ca = identity.authority;
  const Row rows[] = {
      {"tls_certificate_expired", "localhost",
       make_certificate({.from_s = -2 * day, .until_s = -day}, &ca)},
      {"tls_certificate_not_yet_valid", "localhost",
       make_certificate({.from_s = day, .until_s = 2 * day}, &ca)},
      {"tls_self_signed", "localhost", make_certificate({})},
      {"tls_unknown_issuer", "localhost", make_certificate({}, &other)},
      {"tls_wrong_host", "localhost", make_certificate({.names = "DNS:elsewhere.example"}, &ca)},
      {"tls_wrong_host", "localhost", make_certificate({.names = "DNS:*"}, &ca)},
      {"tls_wrong_host", "127.0.0.1", make_certificate({.names = "DNS:127.0.0.1"}, &ca)},
      {"tls_wrong_host", "127.0.0.2", make_certificate({}, &ca)},
      {nullptr, "127.0.0.1", make_certificate({}, &ca)},
      {nullptr, "localhost.", make_certificate({}, &ca)},
      {nullptr, "a.b.example", make_certificate({.names = "DNS:*.b.example"}, &ca)},
      {"tls_wrong_host", "b.example", make_certificate({.names = "DNS:*.b.example"}, &ca)},
      {"tls_wrong_host", "a.a.b.example", make_certificate({.names = "DNS:*.b.example"}, &ca)},
  };
  auto test = [](Scope& scope, Identity& known, const Row& row) -> Task<void> {
    Pair pair;
    co_await connect_pair(scope, pair);
    Session session;
    co_await make_session(scope, known, pair, session, peer_named(row.host));
    if (!row.code) {
      CHECK(session.client->has_value());
    } else {
      REQUIRE(!*session.client);
      const Error& error = session.client->error();
      CHECK(error.code == row.code);
      CHECK(error.kind == ErrorClass::fail);
      CHECK(error.stage == "tls");
      CHECK(error.message.contains(row.host));
      CHECK(!error.hint.empty());
      bool of_time = error.code.contains("expired") || error.code.contains("not_yet");
      CHECK(error.hint.contains("clock") == of_time);
      // In TLS 1.3 the server may be done before it hears of it.
      if (*session.server) {
        std::optional<Result<std::size_t>> got;
        co_await receive_once(scope, session.theirs(), got);
        CHECK(got->error().code == "tls_alert");
      }
    }
    co_await close_session(scope, session);
  };
  for (const Row& row : rows) {
    CAPTURE(row.host);
    Loop loop;
    identity.folder.write("server.pem", row.certificate.pem());
    identity.folder.write("server.key", row.certificate.key_pem());
    identity.server = *TlsContext::of_server(identity.certificate_path, identity.key_path);
    loop.run(test(*loop.scope, identity, row));
  }
}

TEST_CASE("who believes anybody gets through") {
  Loop loop;
  Identity identity;
  identity.client = TlsContext::of_client({.trust = {}, .skip_verification = true});
  auto test = [](Scope& scope, const Identity& known) -> Task<void> {
    Pair pair;
    co_await connect_pair(scope, pair);
    Session session;
    co_await make_session(scope, known, pair, session, peer_named("elsewhere.example"));
    CHECK(session.client->has_value());
    co_await close_session(scope, session);
  };
  loop.run(test(*loop.scope, identity));
}

TEST_CASE("files that cannot be used") {
  Identity identity;
  Certificate other = make_certificate({}, &identity.authority);
  std::string other_key = identity.folder.write("other.key", other.key_pem());
  std::string nowhere = identity.folder.path("nowhere");
  for (const auto& [certificate, key] : {std::pair{identity.certificate_path, other_key},
                                         {nowhere, identity.key_path},
                                         {identity.certificate_path, nowhere},
                                         {identity.certificate_path, std::string()}}) {
    auto made = TlsContext::of_server(certificate, key);
    REQUIRE(!made);
    CHECK(made.error().code == "certificate_unusable");
    CHECK(!made.error().path.empty());
    Status loaded =
        TlsContext::of_client({.trust = {.source = "f", .path = identity.authority_path},
                               .certificate = certificate,
                               .key = key})
            ->load();
    REQUIRE(!loaded);
    CHECK(loaded.error().code == "certificate_unusable");
  }
  std::string both = identity.folder.write(
      "both.pem", identity.certificate.pem() + identity.certificate.key_pem());
  CHECK(TlsContext::of_server(both, "").has_value());
}

TEST_CASE("a port that speaks something else, or nothing, or stops") {
  struct Row {
    RawPeer::Turn turn;
    const char* code;
    ErrorClass kind;
  };
  const Row rows[] = {
      {{.wait_for = "\x16", .say = "HTTP/1.1 400 Bad Request\r\n\r\n"},
       "tls_not_spoken",
       ErrorClass::fail},
      {{.wait_for = "", .say = "220 mail.example ESMTP\r\n"}, "tls_not_spoken", ErrorClass::fail},
      {{.wait_for = "\x16", .say = ""}, "tls_handshake_cut", ErrorClass::retry},
      {{.wait_for = "\x16", .say = "\x16\x03\x03\x01"}, "tls_handshake_cut", ErrorClass::retry},
      {{.wait_for = "\x16", .say = std::string("\x15\x03\x03\x00\x02\x02\x28", 7)},
       "tls_alert",
       ErrorClass::fail},
      {{.wait_for = "\x16", .say = "", .hold = true}, "tls_timeout", ErrorClass::retry},
  };
  for (const Row& row : rows) {
    CAPTURE(row.code);
    NetLoop net;
    HttpClient client(
        *net.loop.worker, net.resolver,
        {.network = {.tls = TlsContext::of_client({.trust = {}, .skip_verification = true})}});
    RawPeer peer(*net.loop.worker, {row.turn});
    HttpRequest request{.url = *Url::parse(fmt::format("https://127.0.0.1:{}/x?y", peer.port)),
                        .deadlines = {.tls = row.turn.hold ? Duration(50ms) : Duration(10s)}};
    auto test = [](Scope& scope, HttpClient& asks, HttpRequest& get,
                   const Row& wanted) -> Task<void> {
      Result<HttpAnswer> answer = co_await asks.send(scope, get);
      REQUIRE(!answer);
      const Error& error = answer.error();
      CHECK(error.code == wanted.code);
      CHECK(error.kind == wanted.kind);
      CHECK(error.stage == "tls");
      CHECK(error.host == get.url.authority());
      CHECK(error.url == get.url.redacted());
      CHECK(!error.hint.empty());
    };
    net.run(test(net.scope(), client, request, row), &peer);
  }
}

TEST_CASE("requests over TLS, and over none where TLS is meant") {
  Identity identity;
  NetLoop net;
  HttpServer server(*net.loop.worker, net.handler, {.tls = identity.server});
  std::uint16_t port = *server.listen("127.0.0.1", 0);
  HttpClient client(*net.loop.worker, net.resolver, {.network = {.tls = identity.client}});
  net.handler.reply = [](const ScriptedHandler::Seen& seen) {
    ServerReply reply;
    reply.body = seen.body + "!";
    return reply;
  };
  auto test = [](Scope& scope, HttpServer& serves, HttpClient& asks, HttpClient& plain,
                 std::uint16_t at) -> Task<void> {
    Scope serving(scope);
    serving.spawn(serves.serve(serving));
    std::string text = random_bytes(3, 1'000'000);
    HttpRequest put{.method = "PUT", .url = *Url::parse(fmt::format("https://localhost:{}/", at))};
    put.body.add(text);
    for (int i = 0; i < 2; ++i) {
      Result<HttpAnswer> answer = co_await asks.send(scope, put);
      REQUIRE(answer);
      CHECK(answer->body == text + "!");
      CHECK(asks.idle_count() == 1);
    }
    HttpRequest get{.url = *Url::parse(fmt::format("http://localhost:{}/", at))};
    Result<HttpAnswer> refused = co_await plain.send(scope, get);
    REQUIRE(refused);
    CHECK(refused->status == 400);
    CHECK(refused->body.contains("https://"));
    co_await asks.close_idle(scope);
    serving.cancel();
    co_await serving.join();
  };
  net.run(test(net.scope(), server, client, net.client, port));
}

TEST_CASE("an alert in place of an answer says that TLS is wanted") {
  NetLoop net;
  RawPeer peer(*net.loop.worker, {{.say = std::string("\x15\x03\x03\x00\x02\x02\x46", 7)}});
  HttpRequest request{.url = *Url::parse(loopback_url(peer.port, "/"))};
  Result<HttpAnswer> answer = net.send(request, &peer);
  REQUIRE(!answer);
  CHECK(answer.error().code == "tls_wanted");
  CHECK(answer.error().kind == ErrorClass::fail);
}

TEST_CASE("a connection cancelled at any moment of its handshake") {
  for (Duration after : {0us, 50us, 200us, 500us, 1000us, 2000us, 5000us}) {
    Loop loop;
    Identity identity;
    auto test = [](Scope& scope, const Identity& known, Duration limit) -> Task<void> {
      Pair pair;
      co_await connect_pair(scope, pair);
      Scope limited(scope, limit);
      Session session;
      co_await make_session(limited, known, pair, session);
      if (!*session.client) CHECK(session.client->error().kind == ErrorClass::cancelled);
      co_await close_session(scope, session);
    };
    loop.run(test(*loop.scope, identity, after));
  }
}

}  // namespace headrace
