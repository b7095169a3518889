// client.h: HubClient, the Hub's calls, one method each, for one repo with one token.
//
// One per worker, over that worker's HTTP client. Each method builds its request from messages.h,
// sends it, judges the status and parses the answer; errors carry all that is known and a hint.
// Which calls are repeated: create_repo, branch, pull request and commit are sent once, since a
// lost answer may hide that they were done (`outcome_unknown` then); all others up to five times.
// The token goes to the endpoint's origin only.
// Source: protocol notes 1 to 6; codes of X-Error-Code become repo_not_found, revision_not_found,
// entry_not_found, gated_repo.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/hub/commit_body.h"
#include "engine/hub/messages.h"
#include "net/http_retry.h"

namespace headrace {

struct HubAccess {
  std::string endpoint;
  std::string token;  // empty: anonymous
  RepoId repo;
};

class HubClient {
 public:
  HubClient(HttpClient& http, const HubAccess& access);

  const RepoUrls& urls() const { return urls_; }
  // Counts tries beyond the first.
  void count_retries(std::atomic<std::uint64_t>& counter) { observer_.counter = &counter; }

  // The repo's web URL, whose id may have gained its owner.
  Task<Result<std::string>> create_repo(Scope& scope, const NewRepo& made);
  Task<Status> delete_repo(Scope& scope);
  Task<Result<WhoAmI>> whoami(Scope& scope);
  Task<Result<RepoInfo>> revision(Scope& scope, const std::string& revision);
  // An existing branch is fine.
  Task<Status> create_branch(Scope& scope, const std::string& branch);
  Task<Result<YamlVerdict>> validate_yaml(Scope& scope, std::string_view readme);
  Task<Result<std::vector<PreuploadAnswer>>> preupload(
      Scope& scope, const std::string& revision, bool create_pr,
      std::span<const PreuploadFile> files, const std::optional<std::string>& git_ignore);
  Task<Result<std::vector<LfsAnswer>>> lfs_batch(Scope& scope, std::span<const LfsObject> objects,
                                                 const std::optional<std::string>& ref);
  // One try: what may be repeated here depends on the answer, so the caller decides.
  Task<Status> lfs_complete(Scope& scope, const std::string& href, const LfsObject& object,
                            std::span<const std::string> etags);
  Task<Status> lfs_verify(Scope& scope, const LfsVerify& verify, const LfsObject& object);
  // All files of the revision.
  Task<Result<std::vector<TreeEntry>>> list_files(Scope& scope, const std::string& revision);
  Task<Result<CommitAnswer>> commit(Scope& scope, const std::string& revision, bool create_pr,
                                    BodyProducer& body);

 private:
  struct Call {
    std::string method;
    std::string url;
    std::string_view stage;
    std::string body;
    std::string content_type;
    bool repeat = true;
    bool authorized = true;
    Duration first_byte = 60s;
    Headers headers;
  };
  struct Observer final : RetryObserver {
    std::atomic<std::uint64_t>* counter = nullptr;
    void retry_waits(const Error&, std::int64_t) override {
      if (counter) counter->fetch_add(1, std::memory_order_relaxed);
    }
    Task<Status> retry_goes_on(Scope&) override { co_return Status(); }
  };
  Result<HttpRequest> request_of(Call& call) const;
  // Any status below 400 is a success.
  Task<Result<HttpAnswer>> send(Scope& scope, Call call);
  // Success and error statuses alike.
  Task<Result<HttpAnswer>> send_raw(Scope& scope, HttpRequest& request, bool repeat);
  Error given_up(Error error) const;
  Error error_of(const HttpAnswer& answer, const HttpRequest& request) const;

  HttpClient& http_;
  HubAccess access_;
  RepoUrls urls_;
  Observer observer_;
};

// The answer to a call that must not be repeated was lost: it may have been done.
Error outcome_unknown(Error cause, std::string_view what, std::string_view where_to_look);

}  // namespace headrace
