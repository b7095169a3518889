// http.h: peers for tests of the client and the server over loopback.
//
// ScriptedHandler answers requests by a function of the test, ForgetfulHandler all of them with an
// ETag; NetLoop runs a server with it
// beside the test's task. RawPeer accepts connections and speaks by script, byte by byte, to show a
// client what a well-behaved server never would; raw_talk() does the same to a server.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "net/address.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/stream.h"
#include "tests/support/loop.h"

namespace headrace {

class ScriptedHandler final : public HttpHandler {
 public:
  // What came, in order.
  struct Seen {
    std::string method;
    std::string target;
    Headers headers;
    std::string body;
  };
  std::function<ServerReply(const Seen&)> reply = [](const Seen&) { return ServerReply(); };
  bool reads_bodies = true;
  std::deque<Seen> seen;  // which stay where they are while more come

  Task<ServerReply> handle(Scope& scope, const ServerRequest& request, RequestBody& body) override {
    Seen& one = seen.emplace_back(request.method, request.target, request.headers, "");
    if (reads_bodies) {
      Result<std::string> text = co_await body.read_all(scope, 1u << 30);
      if (text) one.body = std::move(*text);
    }
    co_return reply(one);
  }
};

// Reads and forgets.
class ForgetfulHandler final : public HttpHandler {
 public:
  std::uint64_t bytes = 0;
  Task<ServerReply> handle(Scope& scope, const ServerRequest&, RequestBody& body) override {
    while (true) {
      Result<std::span<const std::byte>> piece = co_await body.next(scope);
      if (!piece || piece->empty()) break;
      bytes += piece->size();
    }
    ServerReply reply;
    reply.headers.set("etag", "\"1\"");
    co_return reply;
  }
};

inline std::string loopback_url(std::uint16_t port, std::string_view target) {
  return "http://127.0.0.1:" + std::to_string(port) + std::string(target);
}

// Sends `text` to a port and returns what comes until the other side closes.
inline Task<void> raw_talk(Scope& scope, std::uint16_t port, std::string text, std::string& got) {
  Worker& worker = scope.worker();
  int socket = worker.backend().make_socket(AF_INET);
  SocketAddress address = *numeric_address("127.0.0.1", port);
  int connected = co_await worker.connect(scope, socket, address);
  REQUIRE(connected == 0);
  PlainStream stream(worker, socket);
  Status sent = co_await stream.send(scope, std::as_bytes(std::span(text)), Slice());
  std::array<std::byte, 4096> bytes{};
  while (true) {
    Result<std::size_t> size = co_await stream.receive(scope, bytes);
    if (!size || *size == 0) break;
    got.append(reinterpret_cast<const char*>(bytes.data()), *size);
  }
  co_await stream.close(scope);
}

// Each connection is served by the next turn of the script; the last one serves the rest.
class RawPeer {
 public:
  struct Turn {
    std::string wait_for = "\r\n\r\n";  // reads until this came; nothing if empty
    std::string say;                    // then sends this
    bool hold = false;                  // and keeps the connection open
    std::string then_wait_for = "";     // a second round on the same connection
    std::string then_say = "";
  };
  RawPeer(Worker& worker, std::vector<Turn> script) : worker_(worker), script_(std::move(script)) {
    SocketAddress address = *numeric_address("127.0.0.1", 0);
    listener_ = worker_.backend().listen(address);
    REQUIRE(listener_ >= 0);
    port = port_of(address);
  }
  std::uint16_t port = 0;
  std::size_t connections = 0;
  std::string heard;

  Task<void> serve(Scope& scope) {
    Scope children(scope);
    while (true) {
      int socket = co_await worker_.accept(scope, listener_);
      if (socket < 0) break;
      const Turn& turn = script_[std::min(connections++, script_.size() - 1)];
      children.spawn(take_turn(children, socket, turn));
    }
    co_await children.join();
    co_await worker_.close(scope, listener_);
  }

 private:
  Task<void> take_turn(Scope& scope, int socket, const Turn& turn) {
    PlainStream stream(worker_, socket);
    bool heard_it = co_await hear(scope, stream, turn.wait_for);
    if (heard_it) co_await say(scope, stream, turn.say);
    if (!turn.then_say.empty()) {
      heard_it = co_await hear(scope, stream, turn.then_wait_for);
      if (heard_it) co_await say(scope, stream, turn.then_say);
    }
    if (turn.hold) co_await worker_.sleep(scope, 1h);
    co_await stream.close(scope);
  }
  Task<bool> hear(Scope& scope, Stream& stream, const std::string& until) {
    std::string text;
    std::array<std::byte, 4096> bytes{};
    while (!text.contains(until)) {
      Result<std::size_t> got = co_await stream.receive(scope, bytes);
      if (!got || *got == 0) co_return false;
      text.append(reinterpret_cast<const char*>(bytes.data()), *got);
    }
    heard += text;
    co_return true;
  }
  Task<void> say(Scope& scope, Stream& stream, const std::string& text) {
    Status sent = co_await stream.send(scope, std::as_bytes(std::span(text)), Slice());
    CHECK(sent.has_value());
  }

  Worker& worker_;
  const std::vector<Turn> script_;
  int listener_ = -1;
};

// A loop, a client, and peers that run beside the test's task and end with it.
struct NetLoop {
  explicit NetLoop(HttpClient::Options options = {})
      : client(*loop.worker, resolver, std::move(options)) {}
  Loop loop;
  SystemResolver resolver;
  ScriptedHandler handler;
  HttpServer server{*loop.worker, handler, {.linger_limit = 10ms}};
  std::uint16_t port = *server.listen("127.0.0.1", 0);
  HttpClient client;

  Task<void> beside(Scope& scope, RawPeer* peer, Task<void> task) {
    Scope peers(scope);
    peers.spawn(server.serve(peers));
    if (peer) peers.spawn(peer->serve(peers));
    co_await task;
    co_await client.close_idle(scope);
    peers.cancel();
    co_await peers.join();
  }
  void run(Task<void> task, RawPeer* peer = nullptr) {
    loop.run(beside(*loop.scope, peer, std::move(task)));
  }
  Scope& scope() { return *loop.scope; }
  Url url(std::string_view target) { return *Url::parse(loopback_url(port, target)); }

  // One request, sent and answered.
  Result<HttpAnswer> send(HttpRequest& request, RawPeer* peer = nullptr) {
    std::optional<Result<HttpAnswer>> answer;
    run(send_into(request, answer), peer);
    return std::move(*answer);
  }
  Task<void> send_into(HttpRequest& request, std::optional<Result<HttpAnswer>>& answer) {
    Result<HttpAnswer> got = co_await client.send(*loop.scope, request);
    answer.emplace(std::move(got));
  }
};

}  // namespace headrace
