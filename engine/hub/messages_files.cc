#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "engine/base64.h"
#include "engine/hub/json.h"
#include "engine/hub/messages.h"
#include "engine/hub/shapes.h"

namespace headrace {
namespace {

constexpr std::string_view stage_preupload = "preupload";
constexpr std::string_view stage_commit = "commit";
constexpr std::string_view stage_tree = "list_tree";

Result<PreuploadAnswer> preupload_entry(const Json& entry, const std::string& path) {
  const auto wrong = [&path](std::string_view what) {
    return fail(bad_answer(stage_preupload, what).on_path(path));
  };
  PreuploadAnswer answer;
  const std::string* mode = text_field(entry, "uploadMode");
  if (mode != nullptr && *mode == "lfs") {
    answer.mode = UploadMode::lfs;
  } else if (mode == nullptr || *mode != "regular") {
    return wrong("'uploadMode' is neither regular nor lfs");
  }
  const Json* ignore = field(entry, "shouldIgnore");
  if (ignore == nullptr || !ignore->is_boolean()) {
    return wrong("'shouldIgnore' is neither true nor false");
  }
  answer.should_ignore = ignore->get<bool>();
  const Json* oid = field(entry, "oid");
  if (oid == nullptr || oid->is_null()) return answer;
  const std::string* text = oid->get_ptr<const std::string*>();
  if (text == nullptr || !(is_hex(*text, 40) || is_hex(*text, 64))) {
    return wrong("'oid' is neither a SHA-1 nor a SHA-256");
  }
  answer.oid = *text;
  return answer;
}

Result<TreeEntry> tree_entry(const Json& entry) {
  TreeEntry result;
  const std::string* type = text_field(entry, "type");
  const std::string* path = text_field(entry, "path");
  const std::string* oid = text_field(entry, "oid");
  if (type == nullptr || path == nullptr || path->empty() || oid == nullptr) {
    return fail(bad_answer(stage_tree, "an entry lacks 'type', 'path' or 'oid'"));
  }
  result.path = *path;
  result.oid = *oid;
  result.is_file = *type == "file";
  const std::optional<std::uint64_t> size = count_field(entry, "size");
  if (result.is_file && !size) {
    return fail(bad_answer(stage_tree, "a file has no 'size'").on_path(*path));
  }
  result.size = size.value_or(0);
  const Json* lfs = field(entry, "lfs");
  if (lfs == nullptr || lfs->is_null()) return result;
  const std::string* lfs_oid = text_field(*lfs, "oid");
  if (lfs_oid == nullptr || !is_hex(*lfs_oid, 64)) {
    return fail(bad_answer(stage_tree, "'lfs.oid' is not a SHA-256").on_path(*path));
  }
  result.lfs_oid = *lfs_oid;
  return result;
}

// N of …/discussions/N, 0 if the URL has another shape.
std::uint32_t number_of_discussion(std::string_view url) {
  constexpr std::string_view marker = "/discussions/";
  const std::size_t at = url.rfind(marker);
  if (at == url.npos) return 0;
  const std::string_view digits = url.substr(at + marker.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size() ? number : 0;
}

}  // namespace

std::string preupload_body(std::span<const PreuploadFile> files,
                           const std::optional<std::string>& git_ignore) {
  Json json;
  Json& list = json["files"] = Json::array();
  for (const PreuploadFile& file : files) {
    const std::string_view sample = std::string_view(file.sample).substr(0, sample_bytes);
    Json& entry = list.emplace_back();
    entry["path"] = file.path;
    entry["sample"] = base64_encode(sample);
    entry["size"] = file.size;
  }
  if (git_ignore) json["gitIgnore"] = *git_ignore;
  return dump(json);
}

Result<std::vector<PreuploadAnswer>> parse_preupload(std::string_view body,
                                                     std::span<const PreuploadFile> asked) {
  Result<Json> json = parse_answer(stage_preupload, body);
  if (!json) return fail(std::move(json.error()));
  const Json* files = field(*json, "files");
  if (files == nullptr || !files->is_array()) {
    return fail(bad_answer(stage_preupload, "'files' is not a list"));
  }
  std::unordered_map<std::string_view, const Json*> by_path;
  for (const Json& entry : *files) {
    const std::string* path = text_field(entry, "path");
    if (path == nullptr) return fail(bad_answer(stage_preupload, "an entry has no 'path'"));
    if (!by_path.emplace(*path, &entry).second) {
      return fail(bad_answer(stage_preupload, "a file is named twice").on_path(*path));
    }
  }
  std::vector<PreuploadAnswer> answers;
  answers.reserve(asked.size());
  for (const PreuploadFile& file : asked) {
    const auto found = by_path.find(file.path);
    if (found == by_path.end()) {
      return fail(bad_answer(stage_preupload, "a file asked for is missing").on_path(file.path));
    }
    Result<PreuploadAnswer> answer = preupload_entry(*found->second, file.path);
    if (!answer) return fail(std::move(answer.error()));
    if (file.size == 0) answer->mode = UploadMode::regular;
    answers.push_back(std::move(*answer));
  }
  return answers;
}

Result<CommitAnswer> parse_commit(std::string_view body, bool create_pr) {
  Result<Json> json = parse_answer(stage_commit, body);
  if (!json) return fail(std::move(json.error()));
  const std::string* oid = text_field(*json, "commitOid");
  const std::string* url = text_field(*json, "commitUrl");
  if (oid == nullptr || !is_hex(*oid, 40)) {
    return fail(bad_answer(stage_commit, "'commitOid' is not the id of a commit"));
  }
  if (url == nullptr || !is_web_url(*url)) {
    return fail(bad_answer(stage_commit, "'commitUrl' is not a web address"));
  }
  CommitAnswer answer{.oid = *oid, .url = *url, .pull_request_url = {}, .pull_request_number = 0};
  if (!create_pr) return answer;
  const std::string* pull_request = text_field(*json, "pullRequestUrl");
  if (pull_request != nullptr && is_web_url(*pull_request)) {
    answer.pull_request_url = *pull_request;
    answer.pull_request_number = number_of_discussion(*pull_request);
  }
  if (answer.pull_request_number == 0) {
    return fail(bad_answer(stage_commit, "'pullRequestUrl' does not end in /discussions/NUMBER"));
  }
  return answer;
}

Result<std::vector<TreeEntry>> parse_tree_page(std::string_view body) {
  Result<Json> json = parse_answer(stage_tree, body, true);
  if (!json) return fail(std::move(json.error()));
  std::vector<TreeEntry> entries;
  entries.reserve(json->size());
  for (const Json& entry : *json) {
    Result<TreeEntry> read = tree_entry(entry);
    if (!read) return fail(std::move(read.error()));
    entries.push_back(std::move(*read));
  }
  return entries;
}

std::optional<std::string> next_page(std::string_view link_header) {
  // <url>; param; param, <url>; …   A comma may stand inside the brackets.
  for (std::size_t at = 0; at < link_header.size();) {
    const std::size_t open = link_header.find('<', at);
    if (open == link_header.npos) break;
    const std::size_t close = link_header.find('>', open);
    if (close == link_header.npos) break;
    const std::size_t end = std::min(link_header.find('<', close), link_header.size());
    std::string params;
    for (char c : link_header.substr(close + 1, end - close - 1)) {
      if (c != ' ' && c != '\t' && c != '"') params += c == ',' ? ';' : c;
    }
    params += ';';
    if (params.find(";rel=next;") != std::string::npos) {
      return std::string(link_header.substr(open + 1, close - open - 1));
    }
    at = end;
  }
  return std::nullopt;
}

}  // namespace headrace
