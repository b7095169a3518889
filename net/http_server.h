// http_server.h: HttpServer, HTTP/1.1 for our own peers: the embedded hub, the sink, the tests.
//
// Lives in the library net_server, which the upload library never links. It accepts on one worker
// and runs one coroutine a connection: keep-alive, chunked and counted request bodies, 100-continue
// when the handler asks for the body, replies from a string or a stream. A malformed request is
// answered with 400 or 431 and the connection closed. A body the handler has not read is drained
// if it is short; else the reply says close and the rest is read for a moment, so that the reply
// arrives instead of a reset. With a TLS context it speaks TLS, and answers 400 to who does not.
// The handler, and what it lets replies borrow, outlive serve(). serve() lasts until its scope is
// cancelled and has closed everything when it returns.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "io/error.h"
#include "io/scope.h"
#include "net/headers.h"
#include "net/tls_context.h"

namespace headrace {

struct ServerRequest {
  std::string method;
  std::string target;  // as sent: path and query
  Headers headers;
  std::optional<std::uint64_t> body_size;  // unknown where it comes in chunks; 0 without a body
  bool secure = false;                     // came over TLS
};

// The body of the request being handled.
class RequestBody {
 public:
  virtual ~RequestBody() = default;
  // The next bytes, valid until the next call; none at the end.
  virtual Task<Result<std::span<const std::byte>>> next(Scope& scope) = 0;
  // All that is left. Fails with body_too_large beyond `size_max`.
  Task<Result<std::string>> read_all(Scope& scope, std::size_t size_max);
};

// A body of known size that is read while it is sent.
class ReplyStream {
 public:
  virtual ~ReplyStream() = default;
  virtual std::uint64_t size() const = 0;
  // At least one byte from `offset` on; an error or 0 ends the connection.
  virtual Task<Result<std::size_t>> read(Scope& scope, std::uint64_t offset,
                                         std::span<std::byte> into) = 0;
};

struct ServerReply {
  int status = 200;
  Headers headers;  // date, length and connection are set by the server
  std::string body;
  std::unique_ptr<ReplyStream> stream;  // instead of `body`
  // Closes the connection without a reply, or after this many bytes of it: for tests of clients.
  std::optional<std::size_t> cut_after;
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual Task<ServerReply> handle(Scope& scope, const ServerRequest& request,
                                   RequestBody& body) = 0;
};

class HttpServer {
 public:
  struct Options {
    Duration idle_limit = 75s;   // for the next request's head
    Duration stall_limit = 60s;  // for each step of a body, either way
    Duration linger_limit = 2s;  // reading on after a reply that closes early
    Duration tls_limit = 10s;    // for the handshake
    std::size_t connections_max = 1024;
    std::shared_ptr<const TlsContext> tls;  // a server's; null: plain HTTP
  };

  HttpServer(Worker& worker, HttpHandler& handler);
  HttpServer(Worker& worker, HttpHandler& handler, const Options& options);

  // Numeric addresses; port 0 takes a free one. Returns the port. Fails with: bad_address,
  // listen_failed.
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  // Accepts from the socket of `owner`, a server on another worker that ends later.
  void share(const HttpServer& owner);
  Task<void> serve(Scope& scope);

 private:
  Worker& worker_;
  HttpHandler& handler_;
  const Options options_;
  int listener_ = -1;
  bool owns_listener_ = true;
};

}  // namespace headrace
