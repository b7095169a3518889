// sim_store.h: a store that speaks S3 in a simulated world: objects and uploads in memory behind
// our HTTP server on simulated sockets, with faults of its own and a record of what it has
// answered.
//
// It computes the checksum of all that comes by itself, and refuses what does not fit; signatures
// it does not look at. Faults: an error before or after the call took effect, an answer cut off or
// late, a bit that flips in a part, an upload that is forgotten, a completion whose success holds
// an error. A completion that names a part as the store never confirmed it is a violation of the
// world's. Uploads whose answer was lost are nobody's: left() lists those that the client has named
// since.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.h"
#include "tests/sim/sim_world.h"

namespace headrace {

struct SimStoreKnobs {
  double fail_before = 0;  // 503 SlowDown or 500, nothing was done
  double fail_after = 0;   // done, and answered with a 500
  double cut_answer = 0;
  double slow_answer = 0;
  Duration slow_max = 3min;
  double lose_upload = 0;       // at a part
  double error_in_success = 0;  // a completion that was not done
  double flip_bit = 0;          // of a part that carries its checksum
  bool takes_trailers = true;
  bool names_checksums = true;

  static SimStoreKnobs calm(Prng& prng);
  static SimStoreKnobs swarm(Prng& prng);
};

class SimStore final : public HttpHandler {
 public:
  SimStore(SimWorld& world, std::size_t worker, const SimStoreKnobs& knobs);

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void set_knobs(const SimStoreKnobs& knobs) { knobs_ = knobs; }
  // Ends the server; the world must be turned until stopped().
  void stop() { scope_->cancel(); }
  bool stopped() const { return scope_->children() == 0; }

  const std::map<std::string, std::string>& objects() const { return objects_; }
  // The keys of uploads that are neither completed nor aborted.
  std::vector<std::string> left() const;
  std::uint64_t faults() const { return faults_; }

  Task<ServerReply> handle(Scope& scope, const ServerRequest& request, RequestBody& body) override;

 private:
  struct Part {
    std::string etag;
    std::string bytes;
    std::map<std::string, std::string> confirmed;  // checksums by ETag: a part may come twice

    // Whether what was confirmed by that name is what is here.
    bool has(std::string_view name) const;
  };
  struct Upload {
    std::string key;
    bool named = false;  // by the client
    std::map<std::uint32_t, Part> parts;
  };
  // A request, taken apart.
  struct Asked {
    std::string method;
    std::string key;
    std::string query;
    std::string upload;
    std::uint32_t part = 0;
    const Headers& headers;
    std::string body;
  };

  static Asked taken_apart(const ServerRequest& request, std::string body);
  ServerReply answer(Asked asked);
  ServerReply answer_upload(Upload& upload, Asked& asked);
  // Into `place`, if it is what its checksum says.
  ServerReply put(Asked& asked, std::optional<std::string>& place);
  ServerReply complete(Upload& upload, const Asked& asked);
  ServerReply list_parts(const Upload& upload) const;
  ServerReply head(const std::string& key) const;
  // The content, or nothing if its checksum disagrees.
  std::optional<std::string> unpacked(Asked& asked);
  bool chance(double probability) { return probability > 0 && prng_.chance(probability); }

  SimWorld& world_;
  Worker& worker_;
  SimStoreKnobs knobs_;
  Prng prng_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<Scope> scope_;
  std::uint16_t port_ = 0;
  std::map<std::string, std::string> objects_;
  std::map<std::string, Upload> uploads_;
  std::uint64_t begun_ = 0;
  std::uint64_t confirmed_ = 0;
  std::uint64_t faults_ = 0;
};

}  // namespace headrace
