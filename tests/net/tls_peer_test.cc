// Sessions with OpenSSL's own blocking server on a thread: what a peer may do that ours never does.
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http_client.h"
#include "net/tls_stream.h"
#include "tests/support/certificates.h"
#include "tests/support/loop.h"
#include "tests/support/loopback.h"
#include "tests/support/random_bytes.h"

namespace headrace {
namespace {

// One connection of a server that nobody here wrote, and what it does once the handshake is over.
class OpensslServer {
 public:
  using Script = std::function<void(SSL*)>;
  using Setting = std::function<void(SSL_CTX*)>;
  TestFolder folder;
  Certificate authority = make_authority();
  Certificate certificate = make_certificate({}, &authority);
  std::string authority_path = folder.write("authority.pem", authority.pem());
  std::uint16_t port = 0;

  explicit OpensslServer(Script script, const Setting& setting = {})
      : script_(std::move(script)), context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    SSL_CTX_use_certificate(context_.get(), certificate.x509.get());
    SSL_CTX_use_PrivateKey(context_.get(), certificate.key.get());
    if (setting) setting(context_.get());
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SocketAddress address = loopback();
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address.storage), address.size) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address.storage),
                          &address.size) == 0);
    port = port_of(address);
    thread_ = std::jthread([this] { serve(); });
  }
  ~OpensslServer() {
    finish();
    ::close(listener_);
  }
  // Until its last script has ended.
  void finish() {
    ::shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }

  TlsSettings client_settings() const {
    return {.trust = {.source = "--ca-cert", .path = authority_path}};
  }

 private:
  void serve() {
    while (true) {
      int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      SSL* ssl = SSL_new(context_.get());
      SSL_set_fd(ssl, socket);
      if (SSL_accept(ssl) == 1) script_(ssl);
      ERR_clear_error();
      SSL_free(ssl);
      ::close(socket);
    }
  }

  const Script script_;
  std::shared_ptr<SSL_CTX> context_;
  int listener_ = -1;
  std::jthread thread_;
};

void say(SSL* ssl, std::string_view text) {
  CHECK(SSL_write(ssl, text.data(), static_cast<int>(text.size())) > 0);
}

void count_key_updates(int is_written, int, int type, const void* message, std::size_t, SSL*,
                       void* count) {
  if (is_written != 0 || type != SSL3_RT_HANDSHAKE) return;
  if (*static_cast<const char*>(message) == SSL3_MT_KEY_UPDATE) ++*static_cast<int*>(count);
}

std::string hear(SSL* ssl, std::size_t size) {
  std::string text;
  while (text.size() < size) {
    char bytes[4096];
    int got = SSL_read(ssl, bytes, sizeof bytes);
    if (got <= 0) break;
    text.append(bytes, static_cast<std::size_t>(got));
  }
  return text;
}

// Gives what comes in pieces, a turn apart.
class TricklingStream final : public Stream {
 public:
  explicit TricklingStream(std::unique_ptr<Stream> below) : below_(std::move(below)) {}
  Task<Result<std::size_t>> receive(Scope& scope, std::span<std::byte> into) override {
    co_await scope.worker().sleep(scope, 100us);
    Result<std::size_t> got =
        co_await below_->receive(scope, into.first(std::min<std::size_t>(into.size(), 64)));
    co_return got;
  }
  Task<Status> send(Scope& scope, std::span<const std::byte> bytes, Slice hold) override {
    Status sent = co_await below_->send(scope, bytes, std::move(hold));
    co_return sent;
  }
  Task<void> close(Scope& scope) override { co_await below_->close(scope); }
  std::int64_t unacknowledged() override { return below_->unacknowledged(); }
  Duration round_trip() override { return below_->round_trip(); }
  void pace(std::uint64_t rate) override { below_->pace(rate); }

 private:
  std::unique_ptr<Stream> below_;
};

Task<TlsStream::Made> connect_to(Scope& scope, std::uint16_t port,
                                 std::shared_ptr<const TlsContext> context, bool trickles = false) {
  Worker& worker = scope.worker();
  int socket = worker.backend().make_socket(AF_INET);
  SocketAddress address = loopback(port);
  int connected = co_await worker.connect(scope, socket, address);
  REQUIRE(connected == 0);
  std::unique_ptr<Stream> below = std::make_unique<PlainStream>(worker, socket);
  if (trickles) below = std::make_unique<TricklingStream>(std::move(below));
  TlsPeer peer{.host = "localhost", .origin = "https://localhost", .place = "localhost:443"};
  TlsStream::Made made = co_await TlsStream::connect(scope, std::move(below), std::move(context),
                                                     std::move(peer), 10s);
  co_return made;
}

Task<Result<std::string>> receive_some(Scope& scope, Stream& stream) {
  std::vector<std::byte> bytes(4096);
  Result<std::size_t> got = co_await stream.receive(scope, bytes);
  if (!got) co_return std::unexpected(std::move(got.error()));
  co_return std::string(reinterpret_cast<const char*>(bytes.data()), *got);
}

Task<Status> send_text(Scope& scope, Stream& stream, std::string text) {
  Status sent = co_await stream.send(scope, std::as_bytes(std::span(text)), Slice());
  co_return sent;
}

using Test = std::function<Task<void>(Scope&, TlsStream&)>;
void with_session(const OpensslServer& server, TlsSettings settings, const Test& test,
                  bool trickles = false) {
  Loop loop;
  auto run = [](Scope& scope, std::uint16_t port, std::shared_ptr<const TlsContext> context,
                const Test& inner, bool slow) -> Task<void> {
    TlsStream::Made made = co_await connect_to(scope, port, std::move(context), slow);
    REQUIRE(made);
    co_await inner(scope, **made);
    co_await (*made)->close(scope);
  };
  loop.run(
      run(*loop.scope, server.port, TlsContext::of_client(std::move(settings)), test, trickles));
}

}  // namespace

TEST_CASE("whatever the suite, all bytes arrive, and the end is told") {
  const std::string there = random_bytes(1, 1'000'000);
  for (const char* suite :
       {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}) {
    CAPTURE(suite);
    std::string heard;
    bool ended = false;
    OpensslServer server(
        [&](SSL* ssl) {
          heard = hear(ssl, there.size());
          say(ssl, "end");
          ended = hear(ssl, 1).empty() && (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
        },
        [&](SSL_CTX* context) { CHECK(SSL_CTX_set_ciphersuites(context, suite) == 1); });
    with_session(server, server.client_settings(),
                 [&](Scope& scope, TlsStream& ours) -> Task<void> {
                   CHECK(ours.facts().cipher == suite);
                   Status sent = co_await send_text(scope, ours, there);
                   CHECK(sent.has_value());
                   Result<std::string> got = co_await receive_some(scope, ours);
                   CHECK(got.value() == "end");
                 });
    server.finish();
    CHECK(heard == there);
    CHECK(ended);
  }
}

TEST_CASE("a key update between what is received and what is sent") {
  std::string heard;
  int updates = 0;
  OpensslServer server([&](SSL* ssl) {
    SSL_set_msg_callback(ssl, count_key_updates);
    SSL_set_msg_callback_arg(ssl, &updates);
    CHECK(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
    say(ssl, "one");
    heard = hear(ssl, 3);
    CHECK(updates == 1);  // before the next bytes, RFC 8446 4.6.3
    say(ssl, "end");
  });
  with_session(server, server.client_settings(), [](Scope& scope, TlsStream& ours) -> Task<void> {
    Result<std::string> got = co_await receive_some(scope, ours);
    CHECK(got.value() == "one");
    Status sent = co_await send_text(scope, ours, "two");
    CHECK(sent.has_value());
    got = co_await receive_some(scope, ours);
    CHECK(got.value() == "end");
  });
  CHECK(heard == "two");
}

TEST_CASE("key updates in the middle of two streams of bytes") {
  const std::string there = random_bytes(1, 3'000'000);
  std::string heard;
  OpensslServer server([&](SSL* ssl) {
    while (heard.size() < there.size()) {
      SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
      say(ssl, ".");
      std::string more = hear(ssl, std::min<std::size_t>(300'000, there.size() - heard.size()));
      if (more.empty()) break;
      heard += more;
    }
    SSL_shutdown(ssl);
    hear(ssl, 1);  // answers to the last updates, and the end
  });
  with_session(server, server.client_settings(), [&](Scope& scope, TlsStream& ours) -> Task<void> {
    auto send = [](Scope& moving, TlsStream& stream, const std::string& text) -> Task<void> {
      Status sent = co_await send_text(moving, stream, text);
      CHECK(sent.has_value());
    };
    Scope moving(scope);
    moving.spawn(send(moving, ours, there));
    Result<std::string> got = std::string("…");
    while (got && !got->empty()) got = co_await receive_some(scope, ours);
    CHECK_MESSAGE(got.has_value(), got.error().message);
    co_await moving.join();
  });
  CHECK(heard == there);
}

TEST_CASE("a renegotiation is refused, and the peer is told") {
  int reason = 0;
  OpensslServer server(
      [&](SSL* ssl) {
        say(ssl, "one");
        SSL_renegotiate(ssl);
        ERR_clear_error();
        // The refusal may be here as soon as this has asked.
        char byte = 0;
        if (SSL_do_handshake(ssl) == 1) CHECK(SSL_read(ssl, &byte, 1) <= 0);
        reason = ERR_GET_REASON(ERR_peek_error());
      },
      [](SSL_CTX* context) { SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION); });
  with_session(server, server.client_settings(), [](Scope& scope, TlsStream& ours) -> Task<void> {
    CHECK(ours.facts().version == "TLSv1.2");
    Result<std::string> got = co_await receive_some(scope, ours);
    CHECK(got.value() == "one");
    got = co_await receive_some(scope, ours);
    CHECK(!got);
  });
  CHECK(reason == SSL_R_NO_RENEGOTIATION);
}

TEST_CASE("TLS 1.2 resumes too") {
  OpensslServer server(
      [](SSL* ssl) { say(ssl, SSL_session_reused(ssl) == 1 ? "again" : "first"); },
      [](SSL_CTX* context) { SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION); });
  Loop loop;
  auto test = [](Scope& scope, std::uint16_t port,
                 std::shared_ptr<const TlsContext> context) -> Task<void> {
    for (const char* wanted : {"first", "again"}) {
      TlsStream::Made made = co_await connect_to(scope, port, context);
      REQUIRE(made);
      Result<std::string> got = co_await receive_some(scope, **made);
      CHECK(got.value() == wanted);
      co_await (*made)->close(scope);
    }
  };
  loop.run(test(*loop.scope, server.port, TlsContext::of_client(server.client_settings())));
}

TEST_CASE("a server that knows old versions only") {
  OpensslServer server([](SSL*) {},
                       [](SSL_CTX* context) {
                         SSL_CTX_set_security_level(context, 0);
                         SSL_CTX_set_min_proto_version(context, TLS1_1_VERSION);
                         SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
                       });
  Loop loop;
  auto test = [](Scope& scope, std::uint16_t port,
                 std::shared_ptr<const TlsContext> context) -> Task<void> {
    TlsStream::Made made = co_await connect_to(scope, port, std::move(context));
    REQUIRE(!made);
    CHECK(made.error().code == "tls_alert");
    CHECK(made.error().kind == ErrorClass::fail);
    CHECK(made.error().hint.contains("TLS 1.2"));
  };
  loop.run(test(*loop.scope, server.port, TlsContext::of_client(server.client_settings())));
}

TEST_CASE("a server that asks for a certificate, in records that cut its messages in two") {
  Certificate authority = make_authority("of clients");
  Certificate certificate = make_certificate({.subject = "a client"}, &authority);
  TestFolder folder;
  std::string path = folder.write("client.pem", certificate.pem() + certificate.key_pem());
  // What can be resumed holds the client's certificate, so that it fills several small records.
  OpensslServer strict(
      [](SSL* ssl) {
        std::string heard = hear(ssl, 400);
        say(ssl, heard.size() == 400 ? "all" : "less");
      },
      [&](SSL_CTX* context) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.x509.get());
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>("t"), 1);
        SSL_CTX_set_max_send_fragment(context, 512);
      });
  TlsSettings settings = strict.client_settings();
  with_session(strict, settings, [](Scope& scope, TlsStream& ours) -> Task<void> {
    Result<std::string> got = co_await receive_some(scope, ours);
    REQUIRE(!got);
    CHECK(got.error().code == "tls_alert");
    CHECK(got.error().kind == ErrorClass::fail);
    CHECK(got.error().hint.contains("--client-cert"));
  });
  settings.certificate = path;
  auto test = [](Scope& scope, TlsStream& ours) -> Task<void> {
    auto send = [](Scope& moving, TlsStream& stream) -> Task<void> {
      for (int i = 0; i < 400; ++i) {
        Status sent = co_await send_text(moving, stream, "x");
        CHECK(sent.has_value());
      }
    };
    Scope moving(scope);
    moving.spawn(send(moving, ours));
    Result<std::string> got = co_await receive_some(scope, ours);
    CHECK(got.value() == "all");
    co_await moving.join();
  };
  with_session(strict, settings, test, true);
}

TEST_CASE("a connection that ended idle, without TLS's word for it, costs nothing") {
  OpensslServer server([](SSL* ssl) {
    std::string head;
    while (!head.contains("\r\n\r\n")) {
      std::string more = hear(ssl, 1);
      if (more.empty()) return;
      head += more;
    }
    say(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
  });
  Loop loop;
  SystemResolver resolver;
  HttpClient client(*loop.worker, resolver,
                    {.network = {.tls = TlsContext::of_client(server.client_settings())}});
  auto test = [](Scope& scope, HttpClient& asks, std::uint16_t port) -> Task<void> {
    HttpRequest get{.url = *Url::parse(fmt::format("https://localhost:{}/", port))};
    for (int i = 0; i < 3; ++i) {
      Result<HttpAnswer> answer = co_await asks.send(scope, get);
      REQUIRE(answer);
      CHECK(answer->body == "a");
      CHECK(asks.idle_count() == 1);
    }
    co_await asks.close_idle(scope);
  };
  loop.run(test(*loop.scope, client, server.port));
}

}  // namespace headrace
