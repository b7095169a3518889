// sim_hub.h: the hub of a simulated world: its real protocol over the memory store, behind our HTTP
// server on simulated sockets, with faults of its own and a record of what it has answered.
//
// Faults: an error before or after the call took effect, an answer cut off, an answer that comes
// late, parts without their ETags, completions that fail and say 200, content changed on the way,
// and uploads forgotten when new URLs are asked for (as a store that gives each negotiation an
// upload of its own). The record says which part of which upload was confirmed; a completion
// that names anything else is a violation of the world's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "net/resolver.h"
#include "tests/sim/sim_world.h"
#include "tools/hub/protocol.h"
#include "tools/hub/store_memory.h"

namespace headrace {

struct SimHubKnobs {
  double fail_before = 0;  // 429 or 5xx, nothing was done
  double fail_after = 0;   // done, and answered with a 5xx
  double cut_answer = 0;
  double slow_answer = 0;
  Duration slow_max = 3min;
  double new_uploads = 0;      // at a batch
  double lost_tag = 0;         // a part stored, and answered without its ETag
  double sour_completion = 0;  // 200, an error in the body, and nothing done
  double flipped_bit = 0;      // of a PUT
  double lookup_failure = 0;   // of the name
  std::int64_t url_lifetime_s = 3600;
  std::uint64_t multipart_threshold = 200'000;
  std::uint64_t part_size = 100'000;

  static SimHubKnobs calm(Prng& prng);
  static SimHubKnobs swarm(Prng& prng);
};

class SimHub final : public HttpHandler {
 public:
  SimHub(SimWorld& world, std::size_t worker, const SimHubKnobs& knobs);
  ~SimHub() override;

  std::string endpoint() const { return "http://hub.sim:" + std::to_string(port_); }
  std::uint16_t port() const { return port_; }
  void set_knobs(const SimHubKnobs& knobs);
  const SimHubKnobs& knobs() const { return knobs_; }
  // Called once, when the repo has been made: trouble that begins before it hides all that follows.
  void on_repo(std::function<void()> function) { on_repo_ = std::move(function); }
  // Ends the server; the world must be turned until stopped().
  void stop();
  bool stopped() const { return scope_->children() == 0; }

  // Makes a repo of this user's that holds these texts.
  void make_repo(const std::string& name, const std::map<std::string, std::string>& texts);
  // What a revision of the repo holds, path to bytes; nothing if there is none. A file that it
  // names and does not have, or whose bytes are not those of its oid, is a violation.
  std::map<std::string, std::string> files(const std::string& repo, const std::string& revision);
  // The same check for every pull request.
  void check_pull_requests(const std::string& repo);
  // The sizes of all parts and objects it has confirmed, each counted once.
  std::uint64_t bytes_confirmed() const;
  // Some content had to be sent more than once: under different names of uploads, or as it came
  // other than it was.
  bool renegotiated() const { return renegotiated_; }
  std::uint64_t faults() const { return faults_; }

  Task<ServerReply> handle(Scope& scope, const ServerRequest& request, RequestBody& body) override;

 private:
  // What a transfer URL says about itself.
  struct Transfer {
    std::string oid;
    std::string upload;
    std::uint64_t part = 0;
    std::uint64_t size = 0;
  };
  using PartName = std::pair<std::string, std::uint64_t>;  // upload or oid, part

  void make_protocol();
  Task<std::optional<hub::Answer>> answer(Scope& scope, const hub::Call& call, RequestBody& body);
  Task<std::optional<hub::Answer>> receive(Scope& scope, const hub::Call& call, RequestBody& body);
  ServerReply error_reply();
  ServerReply sour_reply();
  void record_put(const Transfer& transfer, const hub::Answer& answer, std::uint64_t size);
  void check_completion(const Transfer& transfer, std::string_view body);
  void check_content(const std::string& path, const std::string& oid, const std::string& bytes);
  hub::Answer ask(const std::string& target) { return ask("GET", target, ""); }
  hub::Answer ask(const std::string& method, const std::string& target, std::string body);
  bool chance(double probability) { return probability > 0 && prng_.chance(probability); }

  SimWorld& world_;
  Worker& worker_;
  SimHubKnobs knobs_;
  Prng prng_;
  std::unique_ptr<hub::Store> store_;
  // One that is asked for new uploads is followed by another, which knows none of the old ones.
  std::vector<std::unique_ptr<hub::Protocol>> protocols_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<Scope> scope_;
  std::uint16_t port_ = 0;
  std::uint64_t random_ = 0;
  std::function<void()> on_repo_;

  struct Confirmed {
    std::string etag;
    std::uint64_t size = 0;
  };
  std::map<PartName, Confirmed> confirmed_;
  std::map<std::string, std::string> upload_of_;  // by oid, the last one named
  bool renegotiated_ = false;
  std::uint64_t faults_ = 0;
};

// The name hub.sim, at two addresses of which only one listens.
class SimResolver final : public Resolver {
 public:
  explicit SimResolver(SimHub& hub) : hub_(hub) {}
  Task<Result<std::vector<SocketAddress>>> resolve(Scope& scope, std::string host,
                                                   std::uint16_t port) override;

 private:
  SimHub& hub_;
};

}  // namespace headrace
