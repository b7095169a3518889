#include "tools/hub/server.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "io/worker.h"

namespace headrace::hub {
namespace {

// Of calls that are answered as a whole: a batch or preupload of 256 objects stays far below.
constexpr std::size_t whole_body_size_max = std::size_t{16} << 20;
// A job a MiB: switching threads then costs a few percent of writing.
constexpr std::size_t job_size_bytes = std::size_t{1} << 20;
// Two seconds in all for a port that the hub before this one has not let go of yet.
constexpr int port_tries_max = 40;
constexpr auto port_wait = std::chrono::milliseconds(50);

// A range of stored bytes as the body of a reply.
class ContentStream final : public ReplyStream {
 public:
  explicit ContentStream(Answer& answer)
      : content_(std::move(answer.content)),
        offset_(answer.content_offset),
        size_(answer.content_size) {}
  std::uint64_t size() const override { return size_; }

  Task<Result<std::size_t>> read(Scope& scope, std::uint64_t offset,
                                 std::span<std::byte> into) override {
    auto piece = std::make_shared<std::vector<std::byte>>(into.size());
    auto job = [content = content_, piece, at = offset_ + offset] {
      return content->read(at, *piece);
    };
    std::optional<Result<std::size_t>> count = co_await blocking(scope, std::move(job));
    if (!count) co_return fail(make_error(ErrorClass::cancelled, "cancelled", "the hub stops"));
    if (*count) std::ranges::copy(std::span(*piece).first(**count), into.begin());
    co_return std::move(*count);
  }

 private:
  std::shared_ptr<Content> content_;
  std::uint64_t offset_;
  std::uint64_t size_;
};

ServerReply reply_of(Answer answer) {
  ServerReply reply;
  reply.status = answer.status;
  reply.headers = std::move(answer.headers);
  reply.body = std::move(answer.body);
  if (answer.content) reply.stream = std::make_unique<ContentStream>(answer);
  return reply;
}

ServerReply plain_reply(int status, std::string_view text) {
  ServerReply reply;
  reply.status = status;
  reply.body = fmt::format("{{\"error\":\"{}\"}}", text);
  reply.headers.add("content-type", "application/json");
  return reply;
}

// What the connection gets when its scope was cancelled: it is closed anyway.
ServerReply stopping_reply() { return plain_reply(503, "the hub stops"); }

// The next bytes of a body, gathered to a job's size; fewer only at the end.
Task<Result<std::vector<std::byte>>> gather(Scope& scope, RequestBody& body, bool& ended) {
  std::vector<std::byte> bytes;
  while (bytes.size() < job_size_bytes) {
    Result<std::span<const std::byte>> piece = co_await body.next(scope);
    if (!piece) co_return std::unexpected(std::move(piece.error()));
    ended = piece->empty();
    if (ended) break;
    if (bytes.empty()) bytes.reserve(job_size_bytes + piece->size());
    bytes.insert(bytes.end(), piece->begin(), piece->end());
  }
  co_return bytes;
}

}  // namespace

Task<ServerReply> HubHandler::handle(Scope& scope, const ServerRequest& request,
                                     RequestBody& body) {
  auto call = std::make_shared<Call>();
  call->method = request.method;
  call->target = request.target;
  call->headers = request.headers;
  // URLs that we give out lead back the way the client came.
  call->origin = fmt::format("{}://{}", request.secure ? "https" : "http",
                             request.headers.value_or("host", "localhost"));
  bool streams = Protocol::is_transfer(request.method, request.target);
  Task<ServerReply> answering =
      streams ? answer_stream(scope, call, body) : answer_whole(scope, call, body);
  ServerReply reply = co_await std::move(answering);
  co_return reply;
}

Task<ServerReply> HubHandler::answer_whole(Scope& scope, std::shared_ptr<Call> call,
                                           RequestBody& body) {
  Result<std::string> text = co_await body.read_all(scope, whole_body_size_max);
  if (!text && text.error().code == "body_too_large") {
    co_return plain_reply(413, "the body is too large for this call");
  }
  if (!text) co_return stopping_reply();
  call->body = std::move(*text);
  auto job = [this, call] { return protocol_.handle(*call); };
  std::optional<Answer> answer = co_await blocking(scope, std::move(job));
  if (!answer) co_return stopping_reply();
  co_return reply_of(std::move(*answer));
}

Task<ServerReply> HubHandler::answer_stream(Scope& scope, std::shared_ptr<Call> call,
                                            RequestBody& body) {
  auto begin = [this, call] { return protocol_.receive(*call); };
  auto received = co_await blocking(scope, std::move(begin));
  if (!received) co_return stopping_reply();
  if (auto* answer = std::get_if<Answer>(&*received)) co_return reply_of(std::move(*answer));
  std::shared_ptr<Receiver> receiver = std::get<std::unique_ptr<Receiver>>(std::move(*received));
  for (bool ended = false; !ended;) {
    Result<std::vector<std::byte>> bytes = co_await gather(scope, body, ended);
    if (!bytes) co_return stopping_reply();  // cut off: the receiver goes without finish()
    if (bytes->empty()) break;
    auto write = [receiver, piece = std::move(*bytes)] { return receiver->write(piece); };
    std::optional<Status> written = co_await blocking(scope, std::move(write));
    if (!written) co_return stopping_reply();
    if (!*written) break;  // finish() says what was wrong
  }
  auto finish = [receiver] { return receiver->finish(); };
  std::optional<Answer> answer = co_await blocking(scope, std::move(finish));
  if (!answer) co_return stopping_reply();
  co_return reply_of(std::move(*answer));
}

Task<void> HubServer::serve(Scope& scope, HubServer& hub) {
  co_await hub.server_->serve(scope);
  hub.ended_.set_value();
}

Result<std::unique_ptr<HubServer>> HubServer::start(Protocol& protocol, const Address& address,
                                                    std::shared_ptr<const TlsContext> tls) {
  std::unique_ptr<HubServer> hub(new HubServer(protocol));
  auto runtime = Runtime::start(1, 0);
  if (!runtime) return fail(std::move(runtime.error()));
  Worker& worker = (*runtime)->worker(0);
  auto listen = [&hub, &worker, &address, &tls] {
    std::promise<Result<std::uint16_t>> listening;
    worker.send([&hub, &worker, &address, &tls, &listening] {
      hub->server_.emplace(worker, hub->handler_, HttpServer::Options{.tls = tls});
      auto port = hub->server_->listen(address.host, address.port);
      if (port) {
        hub->scope_.emplace(worker);
        hub->scope_->spawn(serve(*hub->scope_, *hub));
      }
      listening.set_value(std::move(port));
    });
    return listening.get_future().get();
  };
  auto port = listen();
  // The kernel takes down the ring of a killed process after its end, and the port with it.
  for (int tries = 0; tries < port_tries_max; ++tries) {
    if (port || address.port == 0 || port.error().sys_error != EADDRINUSE) break;
    std::this_thread::sleep_for(port_wait);
    port = listen();
  }
  if (!port) return fail(std::move(port.error()));
  hub->port_ = *port;
  hub->runtime_ = std::move(*runtime);
  return hub;
}

HubServer::~HubServer() {
  if (!runtime_) return;
  Worker& worker = runtime_->worker(0);
  worker.send([this] { scope_->cancel(); });
  ended_.get_future().wait();
  std::promise<void> gone;
  worker.send([this, &gone] {
    scope_.reset();
    gone.set_value();
  });
  gone.get_future().wait();
  runtime_->stop();
}

}  // namespace headrace::hub
