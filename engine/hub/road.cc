#include "engine/hub/road.h"

#include "engine/hub/target.h"
#include "io/digest/sha1.h"
#include "io/digest/sha256.h"
#include "io/worker.h"

namespace headrace {
namespace {

DigestValue remote_digest(const std::string& oid) { return from_hex(oid).value_or(DigestValue()); }

Error object_refused(const LfsAnswer& answer) {
  Error error = make_error(ErrorClass::fail, "object_refused", "the Hub does not take this file");
  error.status = answer.error_code;
  error.server_message = redact_text(answer.error_message);
  return std::move(error).at("lfs_batch");
}

}  // namespace

SchedulerLimits HubRoad::limits() const {
  SchedulerLimits limits;
  limits.classify_max = 256;  // files a preupload call takes
  limits.negotiate_max = 256;
  return limits;
}

HubClient HubRoad::hub(const RoadCall& call) const {
  HubClient hub(call.client, *access_);
  hub.count_retries(call.reporter.counters.retries);
  return hub;
}

Task<Result<std::vector<Result<Classified>>>> HubRoad::classify(
    Scope& scope, const RoadCall& call, std::span<const FileSample> samples) const {
  std::vector<PreuploadFile> asked;
  for (const FileSample& sample : samples) {
    const FileRecord& file = call.files[sample.file];
    asked.push_back({.path = file.path, .sample = sample.bytes, .size = file.size});
  }
  HubClient client = hub(call);
  Result<std::vector<PreuploadAnswer>> answers = co_await client.preupload(
      scope, options_.revision, options_.create_pr, asked, options_.git_ignore);
  if (!answers) co_return fail(std::move(answers.error()).at("preupload"));
  std::vector<Result<Classified>> found;
  for (const PreuploadAnswer& answer : *answers) {
    found.push_back(Classified{.large = answer.mode == UploadMode::lfs,
                               .ignored = answer.should_ignore,
                               .remote = remote_digest(answer.oid)});
  }
  co_return found;
}

std::unique_ptr<Digest> HubRoad::digest(const FileRecord& file) const {
  if (file.large) return std::make_unique<Sha256>();
  return std::make_unique<GitBlobSha1>(file.size);
}

Task<Result<std::vector<Negotiation>>> HubRoad::negotiate(
    Scope& scope, const RoadCall& call, std::span<const NegotiateObjects::Object> objects) const {
  std::vector<LfsObject> asked;
  for (const auto& object : objects) {
    asked.push_back({.oid = object.oid.hex(), .size = object.size});
  }
  std::optional<std::string> ref;
  if (!options_.create_pr) ref = options_.revision;
  HubClient client = hub(call);
  Result<std::vector<LfsAnswer>> answers = co_await client.lfs_batch(scope, asked, ref);
  if (!answers) co_return fail(std::move(answers.error()).at("lfs_batch"));
  std::int64_t now = scope.worker().backend().wall_seconds();
  std::vector<Negotiation> found;
  for (std::size_t i = 0; i < answers->size(); ++i) {
    LfsAnswer& answer = (*answers)[i];
    if (answer.transfer == LfsTransfer::stored) {
      found.push_back(nullptr);
    } else if (answer.transfer == LfsTransfer::refused) {
      found.push_back(fail(object_refused(answer)));
    } else {
      found.push_back(
          std::make_shared<HubTarget>(std::move(answer), objects[i].size, access_, now));
    }
  }
  co_return found;
}

}  // namespace headrace
