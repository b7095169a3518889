#include <nlohmann/json.hpp>

#include "tools/headrace/output.h"

namespace headrace {
namespace {

using Json = nlohmann::ordered_json;

// A job offers its progress ten times a second; a program that reads it needs no more than this.
constexpr std::int64_t progress_period_ms = 500;

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

std::string_view name_of(NoteLevel level) {
  switch (level) {
    case NoteLevel::debug:
      return "debug";
    case NoteLevel::info:
      return "info";
    case NoteLevel::warning:
      return "warning";
  }
  return "info";
}

std::string_view name_of(SkipReason reason) {
  switch (reason) {
    case SkipReason::unchanged:
      return "unchanged";
    case SkipReason::ignored_by_server:
      return "ignored_by_server";
    case SkipReason::failed:
      return "failed";
    case SkipReason::not_a_file:
      return "not_a_file";
  }
  return "unchanged";
}

// Every field stands there, null where it is not known, so that a reader needs no second guess.
void put_error(Json& json, const Error& error) {
  json["class"] = headrace::name_of(error.kind);
  json["code"] = error.code;
  json["message"] = error.message;
  json["stage"] = or_null(error.stage);
  json["errno"] = error.sys_error == 0 ? Json() : Json(error.sys_error);
  json["host"] = or_null(error.host);
  json["method"] = or_null(error.method);
  json["url"] = or_null(error.url);
  json["status"] = error.status == 0 ? Json() : Json(error.status);
  json["request_id"] = or_null(error.request_id);
  json["server_message"] = or_null(error.server_message);
  json["path"] = or_null(error.path);
  json["part"] = error.part == 0 ? Json() : Json(error.part);
  json["attempts"] = error.attempts == 0 ? Json() : Json(error.attempts);
  json["retry_after_ms"] = error.retry_after_ms < 0 ? Json() : Json(error.retry_after_ms);
  json["hint"] = or_null(error.hint);
}

Json commit_json(const LandedCommit& commit) {
  return {{"oid", commit.oid},
          {"url", commit.url},
          {"summary", commit.summary},
          {"operations", commit.operations}};
}

Json totals_json(const UploadTotals& totals) {
  return {{"files", totals.files},
          {"files_unchanged", totals.files_unchanged},
          {"files_ignored", totals.files_ignored},
          {"files_failed", totals.files_failed},
          {"bytes", totals.bytes},
          {"bytes_hashed", totals.bytes_hashed},
          {"bytes_sent", totals.bytes_sent},
          {"retries", totals.retries},
          {"seconds", totals.seconds},
          {"cpu_seconds", totals.cpu_seconds},
          {"memory_peak_bytes", totals.memory_peak_bytes}};
}

class JsonOutput final : public Output {
 public:
  JsonOutput(int verbosity, Streams streams)
      : verbosity_(verbosity), streams_(std::move(streams)) {}

  void event(const Event& event, std::int64_t now_ms) override {
    if (std::holds_alternative<Progress>(event)) {
      if (now_ms < next_progress_ms_) return;
      next_progress_ms_ = now_ms + progress_period_ms;
    }
    std::visit([this](const auto& each) { on(each); }, event);
  }
  void tick(std::int64_t) override {}
  void uploaded(const UploadResult& result, bool dry_run) override;
  void failed(const Error& error, int exit_code) override;
  void done(const std::string& line,
            const std::vector<std::pair<std::string, std::string>>& fields) override;
  void finding(const Finding& finding) override;
  void note(NoteLevel level, std::string_view text) override {
    if (level == NoteLevel::debug && verbosity_ < 1) return;
    Json json = open("note");
    json["level"] = name_of(level);
    json["text"] = redact_text(text);
    write(json);
  }

 private:
  void on(const ScanFinished& scan);
  void on(const FileHashed& file);
  void on(const Progress& progress);
  void on(const PartRetried& retry);
  void on(const PartLate& late);
  void on(const ConnectionsChanged& change);
  void on(const FileSkipped& skip);
  void on(const CommitLanded& landed);
  void on(const Note& each) { note(each.level, each.text); }
  void on(const Planned& plan);

  Json open(std::string_view event) {
    Json json;
    json["v"] = 1;
    json["seq"] = ++sequence_;
    json["event"] = event;
    return json;
  }
  // Names on disk may be any bytes; what is not UTF-8 becomes U+FFFD.
  void write(const Json& json) {
    streams_.out(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }

  const int verbosity_;
  const Streams streams_;
  std::uint64_t sequence_ = 0;
  std::int64_t next_progress_ms_ = 0;
};

void JsonOutput::on(const ScanFinished& scan) {
  Json json = open("scan_finished");
  json["files"] = scan.files;
  json["bytes"] = scan.bytes;
  json["files_filtered"] = scan.files_filtered;
  write(json);
}

void JsonOutput::on(const FileHashed& file) {
  Json json = open("file_hashed");
  json["path"] = file.path;
  json["size"] = file.size;
  write(json);
}

void JsonOutput::on(const Progress& progress) {
  Json json = open("progress");
  json["files_done"] = progress.files_done;
  json["files_total"] = progress.files_total;
  json["bytes_hashed"] = progress.bytes_hashed;
  json["bytes_sent"] = progress.bytes_sent;
  json["bytes_to_send"] = progress.bytes_to_send;
  json["bytes_total"] = progress.bytes_total;
  write(json);
}

void JsonOutput::on(const PartRetried& retry) {
  Json json = open("part_retried");
  json["attempt"] = retry.attempt;
  put_error(json, retry.error);
  json["path"] = retry.path;
  json["part"] = retry.part == 0 ? Json() : Json(retry.part);
  write(json);
}

void JsonOutput::on(const PartLate& late) {
  Json json = open("part_late");
  json["path"] = late.path;
  json["part"] = late.part == 0 ? Json() : Json(late.part);
  json["host"] = late.host;
  json["seconds"] = late.seconds;
  json["bytes"] = late.bytes;
  write(json);
}

void JsonOutput::on(const ConnectionsChanged& change) {
  Json json = open("connections_changed");
  json["from"] = change.from;
  json["to"] = change.to;
  json["bytes_per_second"] = change.bytes_per_second;
  json["reason"] = change.reason;
  write(json);
}

void JsonOutput::on(const FileSkipped& skip) {
  Json json = open("file_skipped");
  json["path"] = skip.path;
  json["reason"] = name_of(skip.reason);
  json["detail"] = skip.detail.empty() ? Json() : Json(redact_text(skip.detail));
  write(json);
}

void JsonOutput::on(const CommitLanded& landed) {
  Json json = open("commit_landed");
  json["number"] = landed.number;
  json["count"] = landed.count;
  json.update(commit_json(landed.commit));
  write(json);
}

void JsonOutput::on(const Planned& plan) {
  Json json = open("planned");
  json["files"] = plan.files;
  json["bytes"] = plan.bytes;
  json["parts"] = plan.parts;
  json["requests"] = plan.requests;
  json["commits"] = plan.commits;
  json["deletions"] = plan.deletions;
  write(json);
}

void JsonOutput::finding(const Finding& found) {
  Json json = open("finding");
  json["about"] = found.about;
  json["name"] = found.name;
  json["verdict"] = found.verdict == Verdict::ok     ? "ok"
                    : found.verdict == Verdict::warn ? "warn"
                                                     : "fail";
  json["text"] = redact_text(found.text);
  json["advice"] = or_null(found.advice);
  json["numbers"] = Json::object();
  for (const auto& [name, value] : found.numbers) json["numbers"][name] = value;
  json["error"] = Json();
  if (found.error) put_error(json["error"], *found.error);
  write(json);
}

void JsonOutput::uploaded(const UploadResult& result, bool dry_run) {
  Json json = open("result");
  json["url"] = or_null(result.url);
  json["dry_run"] = dry_run;
  json["pull_request_url"] = or_null(result.pull_request_url);
  json["commits"] = Json::array();
  for (const LandedCommit& commit : result.commits) json["commits"].push_back(commit_json(commit));
  json["failures"] = Json::array();
  for (const Error& failure : result.failures) put_error(json["failures"].emplace_back(), failure);
  json["totals"] = totals_json(result.totals);
  write(json);
}

void JsonOutput::failed(const Error& error, int exit_code) {
  Json json = open("error");
  put_error(json, error);
  json["exit_code"] = exit_code;
  write(json);
}

void JsonOutput::done(const std::string&,
                      const std::vector<std::pair<std::string, std::string>>& fields) {
  Json json = open("result");
  for (const auto& [name, value] : fields) json[name] = or_null(value);
  write(json);
}

}  // namespace

std::unique_ptr<Output> make_json_output(int verbosity, Streams streams) {
  return std::make_unique<JsonOutput>(verbosity, std::move(streams));
}

}  // namespace headrace
