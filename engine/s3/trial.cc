#include "engine/s3/trial.h"

#include "engine/settings.h"
#include "io/small_file.h"
#include "io/worker.h"

namespace headrace {
namespace {

// A store that answers says something about checksums; one that can't be reached says nothing.
bool says_something(const Error& error) {
  return error.kind == ErrorClass::fail && error.status >= 400 && error.code != "access_denied";
}

std::string read_memory(const std::string& path) {
  Result<std::optional<std::string>> text = process_environment().read_file(path);
  return text ? std::move(*text).value_or("") : "";
}

}  // namespace

std::string S3TrialRun::endpoint() const { return access.settings().endpoint_url; }

Task<Result<S3ChecksumUse>> S3TrialRun::choose(Scope& scope) {
  if (std::optional<S3ChecksumUse> known = preset_checksums(access.settings())) {
    co_return std::move(*known);
  }
  std::int64_t now = scope.worker().backend().wall_seconds();
  std::string file;
  if (!memory.empty()) {
    auto read = co_await blocking(scope, [path = memory] { return read_memory(path); });
    file = std::move(read).value_or("");
  }
  if (std::optional<S3ChecksumUse> known = remembered_checksums(file, endpoint(), now)) {
    co_return std::move(*known);
  }
  if (!may_try) co_return checksums_untried();
  Result<S3ChecksumUse> use = co_await try_out(scope);
  if (!use || memory.empty()) co_return use;
  std::string text = remember_checksums(file, endpoint(), *use, now);
  co_await blocking(scope, [path = memory, text] { return write_small_file(path, text); });
  co_return use;
}

Task<Result<S3ChecksumUse>> S3TrialRun::try_out(Scope& scope) {
  S3Trial trial;
  Result<std::string> upload = co_await begin(scope, trial);
  if (!upload) co_return fail(std::move(upload.error()));
  unfinished = *upload;
  Status looked;
  if (trial.declared) {
    looked = co_await send_part(scope, *upload, trial);
    if (looked) looked = co_await look_at_part(scope, *upload, trial);
  }
  Status aborted = co_await client.abort(scope, place, *upload);
  if (aborted) unfinished.clear();
  if (!looked) co_return fail(std::move(looked.error()));
  if (!aborted) co_return fail(std::move(aborted.error()));
  co_return checksums_after(trial);
}

Task<Result<std::string>> S3TrialRun::begin(Scope& scope, S3Trial& trial) {
  constexpr S3ChecksumKind kind = S3ChecksumKind::crc64nvme;
  Headers fields{{"x-amz-checksum-algorithm", std::string(checksum_name(kind))},
                 {"x-amz-checksum-type", std::string(checksum_type(kind))}};
  Result<std::string> upload = co_await client.create_upload(scope, place, std::move(fields));
  trial.declared = upload.has_value();
  if (!upload && says_something(upload.error())) {
    upload = co_await client.create_upload(scope, place, Headers());
  }
  co_return upload;
}

Task<Status> S3TrialRun::send_part(Scope& scope, const std::string& upload, S3Trial& trial) {
  Result<S3Checksums> named = co_await client.try_trailer(scope, place, upload, trial_content);
  if (!named && !says_something(named.error())) co_return fail(std::move(named.error()));
  trial.trailer = named.has_value();
  trial.names_parts = named && named->contains(S3ChecksumKind::crc64nvme);
  co_return Status();
}

Task<Status> S3TrialRun::look_at_part(Scope& scope, const std::string& upload, S3Trial& trial) {
  Result<std::vector<S3Part>> parts = co_await client.list_parts(scope, place, upload);
  // Who may not list, and who lists in another shape, has said nothing of the part.
  if (!parts && parts.error().kind == ErrorClass::fail) co_return Status();
  if (!parts) co_return fail(std::move(parts.error()));
  if (parts->empty()) co_return Status();
  trial.size = parts->front().size;
  trial.names_parts = trial.names_parts || !parts->front().checksum.empty();
  co_return Status();
}

}  // namespace headrace
