// server.h: the hub's protocol behind HTTP, and a hub that runs.
//
// HubHandler turns requests into calls. The protocol blocks on the disk, so each call is a blocking
// job; bodies that stream (parts, objects, commits) go to their Receiver in jobs of up to 1 MiB,
// and files leave in jobs of a block. A job owns what it touches: it may outlive its connection.
// Thread: handle() runs on the server's worker; HubServer's own calls come from one thread that is
// not a worker.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "io/runtime.h"
#include "net/http_server.h"
#include "tools/hub/protocol.h"

namespace headrace::hub {

class HubHandler final : public HttpHandler {
 public:
  // The protocol outlives the handler and every job: until the runtime has stopped.
  explicit HubHandler(Protocol& protocol) : protocol_(protocol) {}
  Task<ServerReply> handle(Scope& scope, const ServerRequest& request, RequestBody& body) override;

 private:
  Task<ServerReply> answer_whole(Scope& scope, std::shared_ptr<Call> call, RequestBody& body);
  Task<ServerReply> answer_stream(Scope& scope, std::shared_ptr<Call> call, RequestBody& body);

  Protocol& protocol_;
};

// A hub on a port, with a runtime of its own.
class HubServer {
 public:
  struct Address {
    std::string host = "127.0.0.1";  // numeric
    std::uint16_t port = 0;          // 0: any free one
  };
  // Over TLS, if there is a context.
  static Result<std::unique_ptr<HubServer>> start(Protocol& protocol, const Address& address,
                                                  std::shared_ptr<const TlsContext> tls = nullptr);
  // Cuts what is under way; uploads are continued by their clients.
  ~HubServer();
  std::uint16_t port() const { return port_; }

 private:
  explicit HubServer(Protocol& protocol) : handler_(protocol) {}
  static Task<void> serve(Scope& scope, HubServer& hub);

  HubHandler handler_;
  std::unique_ptr<Runtime> runtime_;
  std::optional<Scope> scope_;        // of the worker's thread
  std::optional<HttpServer> server_;  // the same
  std::promise<void> ended_;
  std::uint16_t port_ = 0;
};

}  // namespace headrace::hub
