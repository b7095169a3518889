#include "net/http_server.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "io/worker.h"
#include "net/address.h"
#include "net/http_parser.h"
#include "net/tls_stream.h"

namespace headrace {
namespace {

constexpr std::size_t buffer_size_bytes = 256 * 1024;
// A reply up to here goes out in one piece with its head.
constexpr std::size_t joined_reply_size_max = 64 * 1024;
// Reading this much costs less than a new connection.
constexpr std::uint64_t drained_size_max = 1024 * 1024;
// To who speaks plain HTTP where TLS is meant.
constexpr std::string_view plain_refusal =
    "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
    "content-length: 53\r\nconnection: close\r\n\r\n"
    "this port speaks TLS: write https:// in the address\r\n";
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// One accepted connection, from its first request to its end.
class ServerConnection final : public RequestBody {
 public:
  ServerConnection(Worker& worker, std::unique_ptr<Stream> stream, HttpHandler& handler,
                   const HttpServer::Options& options)
      : worker_(worker), stream_(std::move(stream)), handler_(handler), options_(options) {}

  Task<void> run(Scope& scope);
  Task<Result<std::span<const std::byte>>> next(Scope& scope) override;

 private:
  Task<Status> read_head(Scope& scope);
  Task<bool> serve_one(Scope& scope);
  Task<Status> receive(Scope& scope);
  Task<Status> send(Scope& scope, std::string_view text);
  Task<Status> send_reply(Scope& scope, ServerReply& reply, bool asks_head);
  Task<Status> send_stream(Scope& scope, ReplyStream& stream);
  Task<Status> refuse(Scope& scope, const Error& error);
  Task<void> linger(Scope& scope);
  bool drains() const;

  Worker& worker_;
  const std::unique_ptr<Stream> stream_;
  HttpHandler& handler_;
  const HttpServer::Options& options_;
  HttpParser parser_{HttpParser::Direction::request};
  std::vector<std::byte> buffer_ = std::vector<std::byte>(buffer_size_bytes);
  std::span<const std::byte> rest_;  // received, not yet parsed
  ServerRequest request_;
  std::uint64_t body_received_ = 0;
  bool keep_alive_ = false;
  bool continue_awaited_ = false;
  bool body_complete_ = false;
  Status body_status_;
};

Task<void> ServerConnection::run(Scope& scope) {
  bool goes_on = true;
  while (goes_on) {
    bool next_one = co_await serve_one(scope);
    goes_on = next_one;
  }
  co_await stream_->close(scope);
}

Task<Status> ServerConnection::receive(Scope& scope) {
  Result<std::size_t> got = co_await stream_->receive(scope, buffer_);
  if (!got) co_return std::unexpected(std::move(got.error()));
  if (*got == 0) co_return parser_.finish();
  rest_ = std::span(buffer_).first(*got);
  co_return Status();
}

Task<Status> ServerConnection::read_head(Scope& scope) {
  parser_.start();
  Scope limited(scope, options_.idle_limit);
  while (true) {
    Result<HttpParser::Step> step = parser_.feed(rest_);
    if (!step) co_return std::unexpected(std::move(step.error()));
    rest_ = rest_.subspan(step->consumed);
    if (step->event == HttpParser::Event::head) break;
    Status received = co_await receive(limited);
    if (!received) co_return received;
  }
  HttpHead head = parser_.take_head();
  keep_alive_ = head.keep_alive;
  continue_awaited_ = head.expects_continue;
  request_ = {.method = std::move(head.method),
              .target = std::move(head.target),
              .headers = std::move(head.headers),
              .body_size = head.content_length,
              .secure = options_.tls != nullptr};
  if (!request_.body_size && !head.chunked) request_.body_size = 0;
  body_received_ = 0;
  body_complete_ = false;
  body_status_ = Status();
  co_return Status();
}

Task<Result<std::span<const std::byte>>> ServerConnection::next(Scope& scope) {
  while (!body_complete_ && body_status_) {
    Result<HttpParser::Step> step = parser_.feed(rest_);
    if (!step) {
      body_status_ = std::unexpected(std::move(step.error()));
      break;
    }
    rest_ = rest_.subspan(step->consumed);
    body_complete_ = step->event == HttpParser::Event::complete;
    if (step->event == HttpParser::Event::body) {
      body_received_ += step->body.size();
      continue_awaited_ = false;
      co_return step->body;
    }
    if (step->event != HttpParser::Event::need_more) continue;
    Scope limited(scope, options_.stall_limit);
    if (continue_awaited_) {
      continue_awaited_ = false;
      body_status_ = co_await stream_->send(limited, bytes_of(continue_line), Slice());
      if (!body_status_) break;
    }
    Status received = co_await receive(limited);
    if (!received) body_status_ = std::move(received);
  }
  if (!body_status_) co_return fail(body_status_.error());
  co_return std::span<const std::byte>();
}

// Whether the rest of the body is read to keep the connection.
bool ServerConnection::drains() const {
  if (!body_status_ || continue_awaited_) return false;
  return body_complete_ ||
         (request_.body_size && *request_.body_size - body_received_ <= drained_size_max);
}

// One request; true if another one may follow.
Task<bool> ServerConnection::serve_one(Scope& scope) {
  Status head = co_await read_head(scope);
  if (!head) {
    if (parser_.started()) co_await refuse(scope, head.error());
    co_return false;
  }
  if (request_.body_size == 0) {
    Result<std::span<const std::byte>> end = co_await next(scope);
    if (!end) co_return false;
  }
  ServerReply reply = co_await handler_.handle(scope, request_, *this);
  if (!body_status_) {
    if (body_status_.error().code != "connection_closed") {
      co_await refuse(scope, body_status_.error());
    }
    co_return false;
  }
  keep_alive_ = keep_alive_ && drains() && !scope.cancelled();
  Status sent = co_await send_reply(scope, reply, request_.method == "HEAD");
  if (!sent || reply.cut_after) co_return false;
  if (!keep_alive_) {
    if (!body_complete_) co_await linger(scope);
    co_return false;
  }
  while (!body_complete_) {
    Result<std::span<const std::byte>> piece = co_await next(scope);
    if (!piece) co_return false;
  }
  co_return true;
}

// An answer to what can't be understood.
Task<Status> ServerConnection::refuse(Scope& scope, const Error& error) {
  ServerReply reply;
  reply.status = error.code == "http_limit" ? 431 : 400;
  reply.body = error.message + "\n";
  reply.headers.add("content-type", "text/plain; charset=utf-8");
  keep_alive_ = false;
  if (error.code != "bad_http" && error.code != "http_limit") co_return Status();
  Status sent = co_await send_reply(scope, reply, false);
  co_await linger(scope);
  co_return sent;
}

Task<void> ServerConnection::linger(Scope& scope) {
  Scope limited(scope, options_.linger_limit);
  while (true) {
    Result<std::size_t> got = co_await stream_->receive(limited, buffer_);
    if (!got || *got == 0) co_return;
  }
}

Task<Status> ServerConnection::send(Scope& scope, std::string_view text) {
  // In steps, so that the limit is on standing still and not on the whole.
  while (!text.empty()) {
    std::string_view step = text.substr(0, buffer_size_bytes);
    text.remove_prefix(step.size());
    Scope limited(scope, options_.stall_limit);
    Status sent = co_await stream_->send(limited, bytes_of(step), Slice());
    if (!sent) co_return sent;
  }
  co_return Status();
}

Task<Status> ServerConnection::send_reply(Scope& scope, ServerReply& reply, bool asks_head) {
  bool bodyless = reply.status < 200 || reply.status == 204 || reply.status == 304;
  std::uint64_t size = reply.stream ? reply.stream->size() : reply.body.size();
  Headers& fields = reply.headers;
  if (!fields.find("date")) fields.add("date", http_date(worker_.backend().wall_seconds()));
  bool keeps_length = asks_head && size == 0 && fields.find("content-length");
  if (!bodyless && !keeps_length) fields.set("content-length", std::to_string(size));
  if (!keep_alive_) fields.set("connection", "close");
  Result<std::string> head = write_answer_head(reply.status, fields);
  if (!head) {
    keep_alive_ = false;
    head = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    bodyless = true;
  }
  bool silent = bodyless || asks_head;
  std::string text = std::move(*head);
  bool joined = !silent && !reply.stream && size <= joined_reply_size_max;
  if (joined || reply.cut_after) text += reply.body;
  if (reply.cut_after) text.resize(std::min(text.size(), *reply.cut_after));
  Status sent = co_await send(scope, text);
  if (!sent || silent || joined || reply.cut_after) co_return sent;
  if (reply.stream) {
    sent = co_await send_stream(scope, *reply.stream);
  } else {
    sent = co_await send(scope, reply.body);
  }
  co_return sent;
}

Task<Status> ServerConnection::send_stream(Scope& scope, ReplyStream& stream) {
  std::vector<std::byte> block(buffer_size_bytes);
  for (std::uint64_t offset = 0; offset < stream.size();) {
    std::size_t size = std::min<std::uint64_t>(block.size(), stream.size() - offset);
    Result<std::size_t> got = co_await stream.read(scope, offset, std::span(block).first(size));
    if (!got) co_return std::unexpected(std::move(got.error()));
    if (*got == 0) {
      co_return fail(make_error(ErrorClass::fail, "body_length", "a reply ended before its size"));
    }
    Scope limited(scope, options_.stall_limit);
    Status sent = co_await stream_->send(limited, std::span(block).first(*got), Slice());
    if (!sent) co_return sent;
    offset += *got;
  }
  co_return Status();
}

Task<void> run_connection(Scope& scope, Worker& worker, int socket, HttpHandler& handler,
                          const HttpServer::Options& options) {
  std::unique_ptr<Stream> stream = std::make_unique<PlainStream>(worker, socket);
  if (options.tls) {
    TlsStream::Made session = co_await TlsStream::accept(scope, std::move(stream), options.tls,
                                                         options.tls_limit, plain_refusal);
    if (!session) co_return;
    stream = std::move(*session);
  }
  ServerConnection connection(worker, std::move(stream), handler, options);
  co_await connection.run(scope);
}

}  // namespace

Task<Result<std::string>> RequestBody::read_all(Scope& scope, std::size_t size_max) {
  std::string text;
  while (true) {
    Result<std::span<const std::byte>> piece = co_await next(scope);
    if (!piece) co_return std::unexpected(std::move(piece.error()));
    if (piece->empty()) co_return text;
    if (piece->size() > size_max - text.size()) {
      co_return fail(make_error(ErrorClass::fail, "body_too_large",
                                fmt::format("a body of more than {} bytes", size_max)));
    }
    text.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
}

HttpServer::HttpServer(Worker& worker, HttpHandler& handler)
    : HttpServer(worker, handler, Options()) {}
HttpServer::HttpServer(Worker& worker, HttpHandler& handler, const Options& options)
    : worker_(worker), handler_(handler), options_(options) {}

Result<std::uint16_t> HttpServer::listen(const std::string& address, std::uint16_t port) {
  std::optional<SocketAddress> bound = numeric_address(address, port);
  if (!bound) {
    return fail(make_error(ErrorClass::fail, "bad_address",
                           fmt::format("'{}' is not a numeric address", address)));
  }
  listener_ = worker_.backend().listen(*bound);
  if (listener_ < 0) {
    return fail(system_error("listen_failed", fmt::format("listening on {} port {}", address, port),
                             -listener_));
  }
  return port_of(*bound);
}

void HttpServer::share(const HttpServer& owner) {
  listener_ = owner.listener_;
  owns_listener_ = false;
}

Task<void> HttpServer::serve(Scope& scope) {
  CHECK(listener_ >= 0);
  Scope connections(scope);
  while (!scope.cancelled()) {
    int socket = co_await worker_.accept(scope, listener_);
    if (socket == -ECANCELED) break;
    if (socket < 0) {
      // Out of files or memory, or the peer is gone already: others may fare better in a moment.
      co_await worker_.sleep(scope, 50ms);
    } else if (connections.children() >= options_.connections_max) {
      co_await worker_.close(scope, socket);
    } else {
      connections.spawn(run_connection(connections, worker_, socket, handler_, options_));
    }
  }
  connections.cancel();
  co_await connections.join();
  if (owns_listener_) co_await worker_.close(scope, listener_);
  listener_ = -1;
}

}  // namespace headrace
