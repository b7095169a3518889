#include "engine/s3/copy.h"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/s3/trial.h"
#include "io/worker.h"

namespace headrace {
namespace {

constexpr Duration stop_limit = 600ms;
constexpr Duration abort_limit = 10s;
// A store needs a moment for the parts it had received whole.
constexpr Duration look_period = 200ms;
constexpr int looks_max = 2;

std::string encoded_tags(const std::vector<std::pair<std::string, std::string>>& tags) {
  std::string text;
  for (const auto& [name, value] : tags) {
    if (!text.empty()) text += '&';
    text += percent_encode(name) + "=" + percent_encode(value);
  }
  return text;
}

S3ChecksumKind kind_of(CopyChecksum checksum) {
  switch (checksum) {
    case CopyChecksum::crc64nvme:
      return S3ChecksumKind::crc64nvme;
    case CopyChecksum::crc32c:
      return S3ChecksumKind::crc32c;
    case CopyChecksum::sha256:
      return S3ChecksumKind::sha256;
  }
  return S3ChecksumKind::crc64nvme;
}

}  // namespace

S3Copy::S3Copy(Crew& crew, CopyRequest request, std::uint32_t connections, Reporter& reporter)
    : crew_(crew),
      request_(std::move(request)),
      connections_(connections),
      reporter_(reporter),
      access_(std::make_shared<S3Access>(request_.account.settings, request_.account.credentials)) {
}

Task<Result<UploadResult>> S3Copy::run(Scope& scope) {
  TraceRow row = crew_.trace_row("copy");
  TraceSpan scanning(row, scope.worker(), "control", "scan");
  Status status = co_await scan(scope);
  scanning.end();
  if (status && request_.dry_run) co_return plan_only();
  TraceSpan preparing(row, scope.worker(), "control", "prepare");
  if (status) status = co_await prepare(scope);
  preparing.end();
  TraceSpan transferring(row, scope.worker(), "control", "transfer");
  if (status && reads_input()) {
    status = co_await transfer_input(scope);
  } else if (status) {
    status = co_await transfer(scope);
  }
  transferring.end();
  co_await abort_unfinished(scope, scope.cancelled());
  tell_news();
  co_await crew_.close_idle(scope);
  if (!status) co_return fail(std::move(status.error()));
  finish_result();
  co_return std::move(result_);
}

Task<Status> S3Copy::scan(Scope& scope) {
  if (reads_input()) {
    // How much it is shows when it has ended.
    reporter_.counters.files_total = 1;
    result_.totals.files = 1;
    reporter_.event(ScanFinished{.files = 1});
    co_return check_key(request_.prefix);
  }
  auto stop = std::make_shared<std::atomic<bool>>(false);
  std::optional<Result<LocalFiles>> found = co_await blocking(
      scope, [request = request_, stop] { return find_local_objects(request, *stop); });
  stop->store(true);
  if (!found)
    co_return fail(make_error(ErrorClass::cancelled, "cancelled", "told to stop").at("scan"));
  if (!*found) co_return fail(std::move(found->error()));
  local_ = std::move(**found);
  const std::uint64_t usual = usual_part_size();
  for (const FileRecord& file : local_.files) {
    Result<std::uint64_t> part = s3_part_size(file.size, request_.part_size, usual);
    if (!part) co_return fail(std::move(part.error()).on_path(file.source->name()));
  }
  tell_of_scan(local_, reporter_, result_.totals);
  co_return Status();
}

Result<UploadResult> S3Copy::plan_only() {
  Planned plan{.files = local_.files.size(), .bytes = local_.bytes, .makes_commits = false};
  const std::uint64_t usual = usual_part_size();
  std::uint64_t large = 0;
  for (const FileRecord& file : local_.files) {
    std::uint64_t part_size = s3_part_size(file.size, request_.part_size, usual).value_or(1);
    if (file.size <= part_size) continue;
    ++large;
    plan.parts += part_count(file.size, part_size);
  }
  // One a small object; a large one is begun, completed and looked at as well.
  plan.requests = 1 + (plan.files - large) + plan.parts + 3 * large;
  if (request_.skip_same) plan.requests += plan.files;
  reporter_.event(plan);
  return std::move(result_);
}

// What stands in the way of every object is found before the first one.
Task<Status> S3Copy::prepare(Scope& scope) {
  for (const IgnoredSetting& ignored : request_.account.settings.ignored) {
    reporter_.note(NoteLevel::debug,
                   fmt::format("{} has no effect: {}", ignored.name, ignored.reason));
  }
  HttpClient& http = crew_.hand(0).client;
  Status ready = co_await access_->ready(scope, http);
  if (!ready) co_return ready;
  reporter_.note(NoteLevel::debug,
                 fmt::format("region {} (by {}), keys from {}", access_->region(),
                             request_.account.settings.region_source, access_->source()));
  S3Client client(http, *access_);
  client.count_retries(reporter_.counters.retries);
  Status there = co_await client.look_at_bucket(scope, request_.bucket);
  tell_news();
  if (!there) co_return there;
  Status chosen = co_await choose_checksums(scope, client);
  co_return chosen;
}

// For what goes in two blocks, with its checksum before it, no store is tried.
Task<Status> S3Copy::choose_checksums(Scope& scope, S3Client& client) {
  bool all_small = !reads_input() && std::ranges::all_of(local_.files, [](const FileRecord& file) {
    return file.size <= 2 * block_size_bytes;
  });
  std::string key = request_.prefix;
  if (!local_.files.empty()) key = local_.files.front().path;
  S3TrialRun trial{.client = client,
                   .access = *access_,
                   .place = {.bucket = request_.bucket, .key = std::move(key)},
                   .memory = request_.account.stores_file,
                   .may_try = !all_small};
  Result<S3ChecksumUse> use = co_await trial.choose(scope);
  if (!trial.unfinished.empty()) tried_ = S3Begun{trial.place, trial.unfinished};
  if (!use) co_return fail(std::move(use.error()));
  use_ = std::move(*use);
  reporter_.note(NoteLevel::debug,
                 fmt::format("checksums: {} ({})", name_of(use_.part_way), use_.why));
  co_return Status();
}

void S3Copy::tell_news() {
  for (std::string& news : access_->take_news()) {
    reporter_.note(NoteLevel::warning, std::move(news));
  }
}

// The profile's, or ours; and where payloads are signed, at most so much that several parts can be
// in memory whole side by side.
std::uint64_t S3Copy::usual_part_size() const {
  constexpr std::uint64_t least = 5ULL << 20;
  std::uint64_t usual = request_.account.settings.multipart_chunksize.value_or(s3_part_size_usual);
  Result<Url> url = access_->url(request_.bucket, "", "");
  if (url && !access_->payload_unsigned(*url))
    usual = std::min<std::uint64_t>(usual, crew_.arena().blocks_total() / 4 * block_size_bytes);
  return std::max(usual, least);
}

S3RoadOptions S3Copy::road_options() const {
  S3RoadOptions options{.bucket = request_.bucket,
                        .content_type = request_.content_type,
                        .if_none_match = request_.if_none_match,
                        .skip_same = request_.skip_same,
                        .part_size = request_.part_size,
                        .part_size_usual = usual_part_size(),
                        .checksum = kind_of(request_.checksum),
                        .use = use_};
  Headers& fields = options.fields;
  for (const auto& [name, value] : request_.metadata) fields.set("x-amz-meta-" + name, value);
  if (!request_.tags.empty()) fields.set("x-amz-tagging", encoded_tags(request_.tags));
  if (!request_.storage_class.empty()) fields.set("x-amz-storage-class", request_.storage_class);
  std::string encryption = request_.encryption;
  if (encryption.empty() && !request_.kms_key_id.empty()) encryption = "aws:kms";
  if (!encryption.empty()) fields.set("x-amz-server-side-encryption", encryption);
  if (!request_.kms_key_id.empty())
    fields.set("x-amz-server-side-encryption-aws-kms-key-id", request_.kms_key_id);
  return options;
}

Task<Status> S3Copy::transfer(Scope& scope) {
  road_ = std::make_unique<S3Road>(access_, road_options());
  TransferOptions options{.keep_going = request_.keep_going, .connections = connections_};
  transfer_ = std::make_unique<Transfer>(crew_, *road_, options, reporter_);
  for (FileRecord& file : local_.files) transfer_->add(std::move(file));
  local_.files.clear();
  if (transfer_->files().empty()) co_return Status();
  Status status = co_await transfer_->run(scope);
  result_.failures = std::move(transfer_->failures());
  co_return status;
}

Task<Status> S3Copy::transfer_input(Scope& scope) {
  std::shared_ptr<S3Object> like = new_object(road_options(), request_.prefix);
  std::uint64_t part_size = request_.part_size > 0 ? request_.part_size : usual_part_size();
  S3Stream stream(crew_, access_, *like, part_size, reporter_);
  ByteInput input(STDIN_FILENO);
  Status status = co_await stream.run(scope, input);
  input_unfinished_ = stream.unfinished();
  result_.totals.bytes = stream.size();
  if (status) reporter_.counters.files_done = 1;
  co_return status;
}

// In a scope of its own: the one we were given may have been cancelled.
Task<void> S3Copy::abort_unfinished(Scope& scope, bool stopped) {
  Scope aborting(scope.worker());
  aborting.limit(stopped ? stop_limit : abort_limit);
  std::vector<S3Begun> unfinished;
  if (road_) unfinished = road_->unfinished();
  if (tried_) unfinished.push_back(std::move(*tried_));
  if (input_unfinished_) {
    unfinished.push_back({input_unfinished_->place, input_unfinished_->upload});
  }
  for (S3Begun& begun : unfinished) aborting.spawn(abort_one(aborting, std::move(begun)));
  co_await aborting.join();
}

// A part whose answer was not waited for may be stored after the upload was aborted, and brings it
// back: looked for and aborted again, as the API's page of AbortMultipartUpload says.
Task<void> S3Copy::abort_one(Scope& scope, S3Begun begun) {
  bool gone = co_await abort_for_good(scope, begun);
  if (gone) co_return;
  reporter_.note(NoteLevel::warning,
                 fmt::format("the upload of {} stays unfinished, and what it holds costs: abort it "
                             "with headrace s3 abort s3://{}/{}",
                             begun.place.key, begun.place.bucket, begun.place.key));
}

// True once the store has said so, however much time there was to look afterwards.
Task<bool> S3Copy::abort_for_good(Scope& scope, const S3Begun& begun) {
  S3Client client(crew_.hand(0).client, *access_);
  Status aborted = co_await client.abort(scope, begun.place, begun.upload);
  for (int look = 0; aborted && look < looks_max; ++look) {
    bool slept = co_await scope.worker().sleep(scope, look_period);
    if (!slept) break;
    auto parts = co_await client.list_parts(scope, begun.place, begun.upload);
    if (parts) aborted = co_await client.abort(scope, begun.place, begun.upload);
  }
  co_return aborted.has_value();
}

void S3Copy::finish_result() {
  if (transfer_) count_files();
  std::string key = request_.prefix;
  bool one = transfer_ && !local_.folder && transfer_->files().size() == 1;
  if (one) key = transfer_->files().front().path;
  result_.url = fmt::format("s3://{}/{}", request_.bucket, key);
  Counters& counters = reporter_.counters;
  result_.totals.bytes_hashed = counters.bytes_hashed;
  result_.totals.bytes_sent = counters.bytes_sent;
  result_.totals.retries = counters.retries;
}

void S3Copy::count_files() {
  for (const FileRecord& file : transfer_->files()) {
    if (file.state == FileRecord::State::unchanged) ++result_.totals.files_unchanged;
    if (file.state == FileRecord::State::failed) ++result_.totals.files_failed;
  }
}

}  // namespace headrace
