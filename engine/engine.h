// engine.h: the front door. Requests in, jobs out, from any thread.
//
// An Engine has a worker a usable core, each with its kernel ring, and one arena within the memory
// budget; jobs share them. Programs include this header and those it includes, and nothing below
// it. An Engine is destroyed when none of its jobs runs: destruction cancels what is left and
// waits. Errors of create(): io_uring_forbidden, io_uring_memlock, io_uring_failed, trace_failed.
#pragma once

#include <memory>
#include <string>

#include "engine/bench.h"
#include "engine/copy_request.h"
#include "engine/doctor.h"
#include "engine/job.h"
#include "engine/options.h"
#include "engine/request.h"
#include "engine/result.h"
#include "engine/urls_request.h"

namespace headrace {

// Which repo, or which user, one call is about.
struct HubTargetRepo {
  std::string endpoint;
  std::string token;
  RepoId repo;
};

class Crew;

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> create(const EngineOptions& options);
  // Over workers that somebody else steps, in one thread: a simulation. No single calls there, and
  // all jobs have ended before it is destroyed.
  static std::unique_ptr<Engine> over(std::unique_ptr<Crew> crew);
  ~Engine();

  std::shared_ptr<Job> start(UploadRequest request);
  std::shared_ptr<Job> start(UrlsRequest request);
  std::shared_ptr<Job> start(CopyRequest request);

  // Single calls; they block the caller.
  struct Account {
    std::string name;
    std::string full_name;
    std::vector<std::string> orgs;
    std::string token_name;
    std::string token_role;
  };
  Result<Account> whoami(const std::string& endpoint, const std::string& token);
  // The repo's URL.
  Result<std::string> create_repo(const HubTargetRepo& repo, const NewRepo& made);
  Status delete_repo(const HubTargetRepo& repo);

  // Of a bucket: uploads whose keys begin with `prefix`; with `parts` also what is stored of each.
  Result<std::vector<UnfinishedUpload>> list_unfinished(const S3Account& account,
                                                        const std::string& bucket,
                                                        const std::string& prefix, bool parts);
  Status abort_unfinished(const S3Account& account, const std::string& bucket,
                          const UnfinishedUpload& upload);

  // The way to a Hub, and what the token may do there. Of this machine: diagnose_machine().
  std::vector<Finding> diagnose(DoctorRequest request);
  // What single calls have sent, where the options ask for it; what jobs send is in their events.
  std::vector<std::string> take_requests();

  // Bytes of content a second, all jobs together; 0: no limit. At any time, from any thread; takes
  // effect within a second.
  void limit_rate(std::uint64_t bytes_per_second);
  std::uint64_t rate_limit() const;

  // What was chosen and why, a sentence each; for `-v`.
  const std::vector<std::string>& choices() const;

 private:
  struct Parts;
  explicit Engine(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace headrace
