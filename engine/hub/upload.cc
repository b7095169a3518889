#include "engine/hub/upload.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "engine/filter.h"
#include "engine/hub/commit_producer.h"
#include "engine/read_pass.h"
#include "engine/repo_path.h"
#include "engine/utf8.h"

namespace headrace {
namespace {

// Of a README or a .gitignore that is looked into before anything is sent.
constexpr std::uint64_t text_file_size_max = 16ULL << 20;
// A dry run knows neither the Hub's threshold nor its part size; these are the ones of its guide.
constexpr std::uint64_t planned_large_size = 10'000'000;
constexpr std::uint64_t planned_part_size = 64ULL << 20;
constexpr std::size_t planned_batch_files = 256;

Error cancelled_at(std::string_view stage) {
  return make_error(ErrorClass::cancelled, "cancelled", "told to stop").at(stage);
}

}  // namespace

HubUpload::HubUpload(Crew& crew, UploadRequest request, std::uint32_t connections,
                     Reporter& reporter, FindFiles find_files)
    : crew_(crew),
      request_(std::move(request)),
      connections_(connections),
      reporter_(reporter),
      find_files_(std::move(find_files)),
      access_{request_.endpoint, request_.token, request_.repo},
      commit_revision_(revision()) {}

Task<Result<UploadResult>> HubUpload::run(Scope& scope) {
  TraceRow row = crew_.trace_row("upload");
  TraceSpan scanning(row, scope.worker(), "control", "scan");
  Status status = co_await scan(scope);
  scanning.end();
  if (status && request_.dry_run) co_return plan_only();
  if (status) status = check_single_commit();
  TraceSpan preparing(row, scope.worker(), "control", "prepare");
  if (status) status = co_await prepare_repo(scope);
  if (status) status = co_await read_root_files(scope);
  if (status) status = co_await find_deletions(scope);
  preparing.end();
  TraceSpan transferring(row, scope.worker(), "control", "transfer");
  if (status) status = co_await transfer(scope);
  transferring.end();
  TraceSpan committing(row, scope.worker(), "control", "commit");
  if (status) status = co_await commit_all(scope);
  committing.end();
  co_await crew_.close_idle(scope);
  if (!status) {
    Error error = std::move(status.error());
    if (!result_.commits.empty()) {
      std::string landed;
      for (const LandedCommit& commit : result_.commits)
        landed += (landed.empty() ? "" : ", ") + commit.url;
      error.hint = fmt::format(
          "what this upload has committed stays ({}); run the same command again to go on. {}",
          landed, error.hint);
    }
    co_return fail(std::move(error));
  }
  finish_result();
  co_return std::move(result_);
}

// --- what there is here ---

Task<Status> HubUpload::scan(Scope& scope) {
  auto stop = std::make_shared<std::atomic<bool>>(false);
  std::optional<Result<LocalFiles>> found = co_await blocking(
      scope, [find = find_files_, request = request_, stop] { return find(request, *stop); });
  stop->store(true);
  if (!found) co_return fail(cancelled_at("scan"));
  if (!*found) co_return fail(std::move(found->error()));
  local_ = std::move(**found);
  tell_of_scan(local_, reporter_, result_.totals);
  co_return Status();
}

Result<UploadResult> HubUpload::plan_only() {
  Planned plan{.files = local_.files.size(), .bytes = local_.bytes};
  std::vector<CommitItem> items;
  std::uint64_t large = 0;
  for (const FileRecord& file : local_.files) {
    bool is_large = file.size > planned_large_size;
    large += is_large;
    if (is_large) plan.parts += part_count(file.size, planned_part_size);
    items.push_back({.deletes = false, .inline_bytes = is_large ? 0 : file.size});
  }
  Result<std::vector<CommitSlice>> commits =
      split_commits(items, request_.commit_limits, request_.message);
  if (!commits) return fail(std::move(commits.error()));
  auto batches = [](std::uint64_t count) {
    return (count + planned_batch_files - 1) / planned_batch_files;
  };
  plan.commits = commits->size();
  // The repo, and what is asked before anything is sent; then completion and verify of each object.
  plan.requests = 1 + (request_.revision && !request_.create_pr) + (readme() != nullptr) +
                  request_.delete_patterns.has_value();
  plan.requests += batches(plan.files) + batches(large) + plan.parts + 2 * large + plan.commits;
  reporter_.event(plan);
  return std::move(result_);
}

// What one commit can't take in any case is told before anything is sent.
Status HubUpload::check_single_commit() const {
  if (!request_.commit_limits.single) return {};
  std::vector<CommitItem> items(local_.files.size());
  Result<std::vector<CommitSlice>> commits =
      split_commits(items, request_.commit_limits, request_.message);
  if (!commits) return fail(std::move(commits.error()));
  return {};
}

const FileRecord* HubUpload::root_file(std::string_view path) const {
  for (const FileRecord& file : local_.files) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

// The README of the folder that goes up, wherever it goes.
const FileRecord* HubUpload::readme() const {
  std::string folder =
      clean_repo_folder(local_.folder ? request_.path_in_repo : "").value_or(std::string());
  return root_file(folder.empty() ? "README.md" : folder + "/README.md");
}

Task<Result<std::string>> HubUpload::read_text(Scope& scope, const FileRecord& file) {
  if (file.size > text_file_size_max) {
    Error error = make_error(ErrorClass::fail, "text_file_too_large",
                             fmt::format("{} has {} bytes, at most {} can be looked into",
                                         file.path, file.size, text_file_size_max));
    co_return fail(std::move(error).at("read").on_path(file.source->name()));
  }
  Result<std::unique_ptr<Reader>> reader = co_await open_listed(scope, *file.source, file.size);
  if (!reader) co_return fail(std::move(reader.error()));
  std::string text(file.size, '\0');
  std::span<std::byte> into = std::as_writable_bytes(std::span(text));
  Result<std::size_t> got = co_await (*reader)->read(scope, 0, into);
  co_await (*reader)->close(scope);
  if (!got) co_return fail(std::move(got.error()));
  co_return text;
}

// --- the repo, before anything is sent ---

HubClient HubUpload::hub() {
  HubClient client(crew_.hand(0).client, access_);
  client.count_retries(reporter_.counters.retries);
  return client;
}

Task<Status> HubUpload::prepare_repo(Scope& scope) {
  HubClient client = hub();
  NewRepo made;
  if (request_.is_private) made.visibility = *request_.is_private ? "private" : "public";
  // As the ecosystem's own upload makes them.
  if (access_.repo.type == RepoType::space) made.space_sdk = "gradio";
  Result<std::string> place = co_await client.create_repo(scope, made);
  if (!place) co_return fail(std::move(place.error()));
  // A name alone gains its owner here.
  Result<RepoId> repo = parse_repo_url(on_endpoint(*place, access_.endpoint), access_.endpoint);
  if (repo) access_.repo = *repo;
  if (!request_.revision || request_.create_pr) co_return Status();
  HubClient named = hub();
  Result<RepoInfo> info = co_await named.revision(scope, *request_.revision);
  if (info) co_return Status();
  if (info.error().code != "revision_not_found") co_return fail(std::move(info.error()));
  Status created = co_await named.create_branch(scope, *request_.revision);
  co_return created;
}

Task<Status> HubUpload::read_root_files(Scope& scope) {
  if (const FileRecord* ignore = root_file(".gitignore")) {
    Result<std::string> text = co_await read_text(scope, *ignore);
    if (!text) co_return fail(std::move(text.error()));
    git_ignore_ = std::move(*text);
  }
  const FileRecord* found = readme();
  if (!found) co_return Status();
  Result<std::string> text = co_await read_text(scope, *found);
  if (!text) co_return fail(std::move(text.error()));
  if (!is_valid_utf8(*text)) {
    Error error = make_error(ErrorClass::fail, "readme_not_utf8", "README.md is not valid UTF-8");
    co_return fail(std::move(error)
                       .at("validate_yaml")
                       .on_path(found->source->name())
                       .hinting("save the file as UTF-8: the Hub reads its metadata"));
  }
  HubClient client = hub();
  Result<YamlVerdict> verdict = co_await client.validate_yaml(scope, *text);
  if (!verdict) co_return fail(std::move(verdict.error()));
  for (const std::string& warning : verdict->warnings) {
    reporter_.note(NoteLevel::warning, "README.md: " + redact_text(warning));
  }
  if (verdict->errors.empty()) co_return Status();
  std::string said;
  for (const std::string& each : verdict->errors) said += (said.empty() ? "" : "; ") + each;
  Error error = make_error(ErrorClass::fail, "bad_readme",
                           "the Hub does not accept the metadata of README.md");
  error.server_message = redact_text(said);
  co_return fail(std::move(error)
                     .at("validate_yaml")
                     .on_path(found->source->name())
                     .hinting("mend the YAML block at the top of README.md"));
}

Task<Status> HubUpload::find_deletions(Scope& scope) {
  if (!request_.delete_patterns) co_return Status();
  HubClient client = hub();
  Result<std::vector<TreeEntry>> there =
      co_await client.list_files(scope, request_.create_pr ? "main" : revision());
  if (!there) co_return fail(std::move(there.error()));
  Result<std::string> folder = clean_repo_folder(request_.path_in_repo);
  if (!folder) co_return fail(std::move(folder.error()));
  std::string prefix = folder->empty() ? "" : *folder + "/";
  PathFilter filter(request_.delete_patterns, {});
  std::set<std::string_view> added;
  for (const FileRecord& file : local_.files) added.insert(file.path);
  for (TreeEntry& entry : *there) {
    if (entry.path == ".gitattributes" || !entry.path.starts_with(prefix)) continue;
    if (!filter.keeps(std::string_view(entry.path).substr(prefix.size()))) continue;
    if (!added.contains(entry.path)) deletions_.push_back(std::move(entry.path));
  }
  co_return Status();
}

// --- content, then commits ---

Task<Status> HubUpload::transfer(Scope& scope) {
  HubRoad::Options way{
      .revision = revision(), .create_pr = request_.create_pr, .git_ignore = git_ignore_};
  road_ = std::make_unique<HubRoad>(access_, std::move(way));
  TransferOptions options{.keep_going = request_.keep_going, .connections = connections_};
  transfer_ = std::make_unique<Transfer>(crew_, *road_, options, reporter_);
  for (FileRecord& file : local_.files) transfer_->add(std::move(file));
  local_.files.clear();
  if (transfer_->files().empty()) co_return Status();
  Status status = co_await transfer_->run(scope);
  result_.failures = std::move(transfer_->failures());
  co_return status;
}

void HubUpload::gather_operations() {
  for (std::string& path : deletions_) {
    Operation operation;
    operation.line = {.verb = CommitVerb::deleted_file, .path = std::move(path)};
    operation.deletes = true;
    operations_.push_back(std::move(operation));
  }
  for (const FileRecord& file : transfer_->files()) {
    if (file.state == FileRecord::State::unchanged) ++result_.totals.files_unchanged;
    if (file.state == FileRecord::State::ignored) ++result_.totals.files_ignored;
    if (file.state == FileRecord::State::failed) ++result_.totals.files_failed;
    if (file.state != FileRecord::State::ready) continue;
    Operation operation;
    operation.line = {.verb = file.large ? CommitVerb::lfs_file : CommitVerb::file,
                      .path = file.path,
                      .size = file.size,
                      .oid = file.large ? file.digest.hex() : std::string()};
    if (!file.large) operation.file = &file;
    operations_.push_back(std::move(operation));
  }
}

Task<Status> HubUpload::commit_all(Scope& scope) {
  gather_operations();
  if (operations_.empty()) {
    Status status = co_await nothing_to_commit(scope);
    co_return status;
  }
  std::string summary = request_.message;
  if (summary.empty()) {
    summary = local_.folder
                  ? "Upload folder using headrace"
                  : fmt::format("Upload {} with headrace", transfer_->files().front().path);
  }
  std::vector<CommitItem> items;
  for (const Operation& operation : operations_) {
    items.push_back(
        {.deletes = operation.deletes, .inline_bytes = operation.file ? operation.line.size : 0});
  }
  Result<std::vector<CommitSlice>> slices = split_commits(items, request_.commit_limits, summary);
  if (!slices) co_return fail(std::move(slices.error()).at("commit"));
  std::size_t number = 0;
  for (const CommitSlice& slice : *slices) {
    Status landed = co_await commit_one(scope, slice, ++number, slices->size());
    if (!landed) co_return landed;
  }
  co_return Status();
}

Task<Status> HubUpload::commit_one(Scope& scope, const CommitSlice& slice, std::size_t number,
                                   std::size_t count) {
  std::vector<CommitOperation> lines;
  std::vector<const FileRecord*> files;
  for (std::size_t item : slice.items) {
    lines.push_back(operations_[item].line);
    files.push_back(operations_[item].file);
  }
  std::uint64_t operations = lines.size();
  CommitBody body(
      {.summary = slice.summary, .description = request_.description, .parent_commit = {}},
      std::move(lines));
  Ticket ticket = co_await crew_.arena().reserve(scope, 1);
  if (!ticket) co_return fail(cancelled_at("commit"));
  CommitProducer producer(body, std::move(files), ticket);
  HubClient client = hub();
  bool opens_pr = request_.create_pr && number == 1;
  Result<CommitAnswer> answer = co_await client.commit(scope, commit_revision_, opens_pr, producer);
  co_await producer.stop(scope);
  if (!answer) co_return fail(std::move(answer.error()).at("commit"));
  if (opens_pr) {
    result_.pull_request_url = answer->pull_request_url;
    commit_revision_ = fmt::format("refs/pr/{}", answer->pull_request_number);
  }
  LandedCommit landed{answer->oid, answer->url, slice.summary, operations};
  result_.commits.push_back(landed);
  result_.commit_url = landed.url;
  reporter_.event(CommitLanded{std::move(landed), number, count});
  co_return Status();
}

Task<Status> HubUpload::nothing_to_commit(Scope& scope) {
  reporter_.note(NoteLevel::info, result_.failures.empty()
                                      ? "nothing has changed since the last commit, so none is made"
                                      : "no file is left to commit");
  HubClient client = hub();
  Result<RepoInfo> head = co_await client.revision(scope, revision());
  if (!head) co_return fail(std::move(head.error()));
  result_.commit_url = client.urls().commit_page(head->sha);
  co_return Status();
}

void HubUpload::finish_result() {
  RepoUrls urls(access_.endpoint, access_.repo);
  if (local_.folder || transfer_->files().size() != 1) {
    Result<std::string> folder = clean_repo_folder(request_.path_in_repo);
    result_.url = urls.tree_page(commit_revision_, folder.value_or(""));
  } else {
    result_.url = urls.blob_page(commit_revision_, transfer_->files().front().path);
  }
  Counters& counters = reporter_.counters;
  result_.totals.bytes_hashed = counters.bytes_hashed;
  result_.totals.bytes_sent = counters.bytes_sent;
  result_.totals.retries = counters.retries;
}

}  // namespace headrace
