#include "engine/event_json.h"

#include <nlohmann/json.hpp>

namespace headrace {
namespace {

using Json = nlohmann::ordered_json;

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

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::warn:
      return "warn";
    case Verdict::fail:
      return "fail";
  }
  return "fail";
}

Json open(std::string_view event, std::uint64_t sequence) {
  return {{"v", 1}, {"seq", sequence}, {"event", event}};
}

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void put(Json& json, const Error& error) {
  json["class"] = headrace::name_of(error.kind);
  json["code"] = error.code;
  json["message"] = error.message;
  json["stage"] = or_null(error.stage);
  json["errno"] = error.sys_error == 0 ? Json() : Json(error.sys_error);
  json["host"] = or_null(error.host);
  json["address"] = or_null(error.address);
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

void put(Json& json, const LandedCommit& commit) {
  json["oid"] = commit.oid;
  json["url"] = commit.url;
  json["summary"] = commit.summary;
  json["operations"] = commit.operations;
}

void put(Json& json, const UploadTotals& totals) {
  json["files"] = totals.files;
  json["files_unchanged"] = totals.files_unchanged;
  json["files_ignored"] = totals.files_ignored;
  json["files_failed"] = totals.files_failed;
  json["bytes"] = totals.bytes;
  json["bytes_hashed"] = totals.bytes_hashed;
  json["bytes_sent"] = totals.bytes_sent;
  json["retries"] = totals.retries;
  json["seconds"] = totals.seconds;
  json["cpu_seconds"] = totals.cpu_seconds;
  json["memory_peak_bytes"] = totals.memory_peak_bytes;
}

// --- each event under its name ---

Json json_of(const ScanFinished& scan, std::uint64_t sequence) {
  Json json = open("scan_finished", sequence);
  json["files"] = scan.files;
  json["bytes"] = scan.bytes;
  json["files_filtered"] = scan.files_filtered;
  return json;
}

Json json_of(const FileHashed& file, std::uint64_t sequence) {
  Json json = open("file_hashed", sequence);
  json["path"] = file.path;
  json["size"] = file.size;
  return json;
}

Json json_of(const Progress& progress, std::uint64_t sequence) {
  Json json = open("progress", sequence);
  json["files_done"] = progress.files_done;
  json["files_total"] = progress.files_total;
  json["bytes_hashed"] = progress.bytes_hashed;
  json["bytes_sent"] = progress.bytes_sent;
  json["bytes_to_send"] = progress.bytes_to_send;
  json["bytes_total"] = progress.bytes_total;
  return json;
}

Json json_of(const PartRetried& retry, std::uint64_t sequence) {
  Json json = open("part_retried", sequence);
  json["attempt"] = retry.attempt;
  put(json, retry.error);
  json["path"] = retry.path;
  json["part"] = retry.part == 0 ? Json() : Json(retry.part);
  return json;
}

Json json_of(const PartLate& late, std::uint64_t sequence) {
  Json json = open("part_late", sequence);
  json["path"] = late.path;
  json["part"] = late.part == 0 ? Json() : Json(late.part);
  json["host"] = late.host;
  json["address"] = or_null(late.address);
  json["seconds"] = late.seconds;
  json["bytes"] = late.bytes;
  return json;
}

Json json_of(const ConnectionsChanged& change, std::uint64_t sequence) {
  Json json = open("connections_changed", sequence);
  json["from"] = change.from;
  json["to"] = change.to;
  json["bytes_per_second"] = change.bytes_per_second;
  json["reason"] = change.reason;
  return json;
}

Json json_of(const FileSkipped& skip, std::uint64_t sequence) {
  Json json = open("file_skipped", sequence);
  json["path"] = skip.path;
  json["reason"] = name_of(skip.reason);
  json["detail"] = skip.detail.empty() ? Json() : Json(redact_text(skip.detail));
  return json;
}

Json json_of(const CommitLanded& landed, std::uint64_t sequence) {
  Json json = open("commit_landed", sequence);
  json["number"] = landed.number;
  json["count"] = landed.count;
  put(json, landed.commit);
  return json;
}

Json json_of(const Note& note, std::uint64_t sequence) {
  Json json = open("note", sequence);
  json["level"] = name_of(note.level);
  json["text"] = redact_text(note.text);
  return json;
}

Json json_of(const Planned& plan, std::uint64_t sequence) {
  Json json = open("planned", sequence);
  json["files"] = plan.files;
  json["bytes"] = plan.bytes;
  json["parts"] = plan.parts;
  json["requests"] = plan.requests;
  json["commits"] = plan.commits;
  return json;
}

}  // namespace

std::string event_json(const Event& event, std::uint64_t sequence) {
  return line_of(
      std::visit([sequence](const auto& each) { return json_of(each, sequence); }, event));
}

std::string result_json(const UploadResult& result, bool dry_run, std::uint64_t sequence) {
  Json json = open("result", sequence);
  json["url"] = or_null(result.url);
  json["dry_run"] = dry_run;
  json["pull_request_url"] = or_null(result.pull_request_url);
  json["commits"] = Json::array();
  for (const LandedCommit& commit : result.commits) put(json["commits"].emplace_back(), commit);
  json["commit_url"] = or_null(result.commit_url);
  json["failures"] = Json::array();
  for (const Error& failure : result.failures) put(json["failures"].emplace_back(), failure);
  if (!result.part_tags.empty()) json["part_tags"] = result.part_tags;
  put(json["totals"], result.totals);
  return line_of(json);
}

std::string result_json(const std::vector<std::pair<std::string, std::string>>& fields,
                        std::uint64_t sequence) {
  Json json = open("result", sequence);
  for (const auto& [name, value] : fields) json[name] = or_null(value);
  return line_of(json);
}

std::string error_json(const Error& error, std::optional<int> exit_code, std::uint64_t sequence) {
  Json json = open("error", sequence);
  put(json, error);
  if (exit_code) json["exit_code"] = *exit_code;
  return line_of(json);
}

std::string finding_json(const Finding& finding, std::uint64_t sequence) {
  Json json = open("finding", sequence);
  json["about"] = finding.about;
  json["name"] = finding.name;
  json["verdict"] = name_of(finding.verdict);
  json["text"] = redact_text(finding.text);
  json["advice"] = or_null(finding.advice);
  json["bound_by"] = or_null(finding.bound_by);
  json["numbers"] = Json::object();
  for (const auto& [name, value] : finding.numbers) json["numbers"][name] = value;
  json["error"] = Json();
  if (finding.error) put(json["error"], *finding.error);
  return line_of(json);
}

std::string unfinished_json(const std::string& address, const UnfinishedUpload& upload,
                            std::uint64_t sequence) {
  Json json = open("unfinished_upload", sequence);
  json["url"] = address;
  json["upload_id"] = upload.id;
  json["begun_at"] = upload.begun_at == 0 ? Json() : Json(upload.begun_at);
  json["parts"] = upload.stored ? Json(upload.stored->count) : Json();
  json["bytes"] = upload.stored ? Json(upload.stored->bytes) : Json();
  return line_of(json);
}

}  // namespace headrace
