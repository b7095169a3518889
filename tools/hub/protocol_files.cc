// What is in a repository: listings, downloads, and what preupload says of files to come.
#include <algorithm>

#include <fmt/format.h>

#include "tools/hub/encoding.h"
#include "tools/hub/json.h"
#include "tools/hub/path_rules.h"
#include "tools/hub/protocol_request.h"

namespace headrace::hub {
namespace {

constexpr std::size_t paths_max = 1000;           // of one paths-info call
constexpr std::size_t preupload_files_max = 256;  // what clients send at most
constexpr std::uint64_t regular_size_max = 10'000'000;

Answer entry_not_found(std::string_view path, std::string_view revision) {
  return error_answer(404, fmt::format("\"{}\" does not exist on \"{}\"", path, revision),
                      "EntryNotFound");
}

// Bytes of a git blob, as a body to cut ranges from.
class TextContent final : public Content {
 public:
  explicit TextContent(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const override { return text_.size(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset >= text_.size()) return 0;
    std::size_t count = std::min<std::size_t>(into.size(), text_.size() - offset);
    std::ranges::copy(std::as_bytes(std::span(text_)).subspan(offset, count), into.begin());
    return count;
  }

 private:
  std::string text_;
};

struct Range {
  std::uint64_t first = 0;
  std::uint64_t size = 0;
};

// RFC 9110 14.2: one range of bytes. Nothing: none was asked for, or more than one, and the whole
// is sent. A size of 0 means that the range lies outside.
std::optional<Range> parse_range(std::string_view field, std::uint64_t size) {
  if (!field.starts_with("bytes=") || field.contains(',')) return std::nullopt;
  field.remove_prefix(6);
  std::size_t dash = field.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  auto first = parse_number(field.substr(0, dash));
  auto last = parse_number(field.substr(dash + 1));
  if (!first) {
    if (!last || dash != 0) return std::nullopt;
    std::uint64_t count = std::min(*last, size);
    return Range{.first = size - count, .size = count};
  }
  if (!last && dash + 1 != field.size()) return std::nullopt;
  if (last && *last < *first) return std::nullopt;
  if (*first >= size) return Range{};
  std::uint64_t end = last ? std::min(*last + 1, size) : size;
  return Range{.first = *first, .size = end - *first};
}

}  // namespace

Protocol::Outcome<Protocol::FileInfo> Protocol::file_info(const RepoId& repo,
                                                          std::string_view blob_id) {
  auto size = store_.object_size(repo, blob_id);
  if (!size) return std::unexpected(failure_answer(size.error()));
  FileInfo info{.size = *size, .blob_size = *size};
  if (*size > pointer_size_max) return info;
  auto blob = store_.object(repo, blob_id);
  if (!blob) return std::unexpected(failure_answer(blob.error()));
  // A text that looks like a pointer is one only if this repository has received the object.
  auto pointer = parse_pointer(blob->bytes);
  if (pointer && lfs_size(repo, pointer->oid)) {
    info.size = pointer->size;
    info.lfs_oid = pointer->oid;
  }
  return info;
}

namespace {
Json entry_json(const PathEntry& entry, std::uint64_t size, std::uint64_t blob_size,
                std::string_view lfs_oid) {
  Json json = {{"type", entry.is_tree() ? "directory" : "file"},
               {"path", entry.path},
               {"oid", entry.id},
               {"size", size}};
  if (!lfs_oid.empty()) {
    json["lfs"] = {{"oid", lfs_oid}, {"size", size}, {"pointerSize", blob_size}};
  }
  return json;
}
}  // namespace

Answer Protocol::list_tree(Request& request) {
  if (request.args.empty()) return error_answer(400, "a revision is missing");
  // The cursor pins the commit, so that the pages of one listing are of one state.
  std::string_view cursor = request.target.find("cursor").value_or("");
  std::string_view pinned = cursor.substr(0, cursor.find('.'));
  std::uint64_t start =
      parse_number(cursor.substr(std::min(pinned.size() + 1, cursor.size()))).value_or(0);
  auto head = resolve(request.repo, pinned.empty() ? std::string_view(request.args[0]) : pinned);
  if (!head) return std::move(head.error());
  auto commit = commit_of(request.repo, head->commit);
  if (!commit) return std::move(commit.error());
  std::string path = request.joined_args(1);
  TreeEdit tree(reader(request.repo), commit->tree);
  auto folder = tree.find(path);
  if (!folder) return failure_answer(folder.error());
  if (!*folder || !(*folder)->is_tree()) return entry_not_found(path, request.args[0]);

  bool recursive = request.target.flag("recursive");
  auto entries = walk_tree(
      reader(request.repo), (*folder)->id,
      {.prefix = path.empty() ? "" : path + "/", .recursive = recursive, .folders = true});
  if (!entries) return failure_answer(entries.error());
  bool expand = request.target.flag("expand");
  std::uint64_t end = std::min<std::uint64_t>(start + (expand ? 50 : 1000), entries->size());
  Json list = Json::array();
  for (std::uint64_t i = start; i < end; ++i) {
    const PathEntry& entry = (*entries)[i];
    FileInfo info;
    if (!entry.is_tree()) {
      auto found = file_info(request.repo, entry.id);
      if (!found) return std::move(found.error());
      info = std::move(*found);
    }
    list.push_back(entry_json(entry, info.size, info.blob_size, info.lfs_oid));
  }
  Answer answer = json_answer(200, dump_json(list));
  if (end < entries->size()) {
    std::string url = fmt::format("{}{}/tree/{}", request.call.origin, api_prefix(request.repo),
                                  percent_encode(request.args[0]));
    if (!path.empty()) url += "/" + percent_encode(path);
    url +=
        fmt::format("?recursive={}&expand={}&cursor={}.{}", recursive, expand, head->commit, end);
    answer.headers.set("Link", fmt::format("<{}>; rel=\"next\"", url));
  }
  return answer;
}

Answer Protocol::paths_info(Request& request) {
  std::vector<std::string> paths;
  if (Json body = parse_json(request.call.body); body.is_object()) {
    const Json* listed = member(body, "paths");
    for (const Json& path : listed != nullptr && listed->is_array() ? *listed : Json::array()) {
      if (path.is_string()) paths.push_back(path.get<std::string>());
    }
  } else {
    for (auto& [name, value] : parse_form(request.call.body)) {
      if (name == "paths") paths.push_back(std::move(value));
    }
  }
  if (paths.size() > paths_max) return error_answer(413, "at most 1000 paths in one call");
  auto head = resolve(request.repo, request.joined_args());
  if (!head) return std::move(head.error());
  auto commit = commit_of(request.repo, head->commit);
  if (!commit) return std::move(commit.error());
  TreeEdit tree(reader(request.repo), commit->tree);
  Json list = Json::array();
  for (std::string_view path : paths) {
    while (path.ends_with('/')) path.remove_suffix(1);
    auto found = tree.find(path);
    if (!found) return failure_answer(found.error());
    if (path.empty() || !*found) continue;
    PathEntry entry{.path = std::string(path), .mode = (*found)->mode, .id = (*found)->id};
    FileInfo info;
    if (!entry.is_tree()) {
      auto file = file_info(request.repo, entry.id);
      if (!file) return std::move(file.error());
      info = std::move(*file);
    }
    list.push_back(entry_json(entry, info.size, info.blob_size, info.lfs_oid));
  }
  return json_answer(200, dump_json(list));
}

Answer Protocol::resolve_file(Request& request) {
  auto head = resolve(request.repo, request.args[0]);
  if (!head) return std::move(head.error());
  auto commit = commit_of(request.repo, head->commit);
  if (!commit) return std::move(commit.error());
  std::string path = request.joined_args(1);
  TreeEdit tree(reader(request.repo), commit->tree);
  auto entry = tree.find(path);
  if (!entry) return failure_answer(entry.error());
  if (!*entry || (*entry)->is_tree()) {
    Answer missing = entry_not_found(path, request.args[0]);
    missing.headers.set("X-Repo-Commit", head->commit);
    return missing;
  }
  auto info = file_info(request.repo, (*entry)->id);
  if (!info) return std::move(info.error());

  Answer answer;
  bool lfs = !info->lfs_oid.empty();
  std::string etag = fmt::format("\"{}\"", lfs ? info->lfs_oid : (*entry)->id);
  answer.headers = {{"X-Repo-Commit", head->commit},
                    {"Accept-Ranges", "bytes"},
                    {"Content-Type", "application/octet-stream"},
                    {"ETag", etag}};
  if (lfs) {
    answer.headers.set("X-Linked-Etag", etag);
    answer.headers.set("X-Linked-Size", std::to_string(info->size));
  }
  if (lfs && remote_) {
    Answer elsewhere = remote_content(request.repo, info->lfs_oid);
    for (const auto& [name, value] : answer.headers) elsewhere.headers.set(name, value);
    return elsewhere;
  }
  auto range = parse_range(request.call.headers.value_or("Range", ""), info->size);
  if (range && range->size == 0) {
    answer.status = 416;
    answer.headers.set("Content-Range", fmt::format("bytes */{}", info->size));
    return answer;
  }
  Range sent = range.value_or(Range{.first = 0, .size = info->size});
  if (range) {
    answer.status = 206;
    answer.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", sent.first,
                                                    sent.first + sent.size - 1, info->size));
  }
  if (request.call.method == "HEAD") {
    answer.headers.set("Content-Length", std::to_string(sent.size));
    return answer;
  }
  if (lfs) {
    auto content = store_.lfs_object(request.repo, info->lfs_oid);
    if (!content) return failure_answer(content.error());
    answer.content = std::move(*content);
  } else {
    auto blob = store_.object(request.repo, (*entry)->id);
    if (!blob) return failure_answer(blob.error());
    answer.content = std::make_unique<TextContent>(std::move(blob->bytes));
  }
  answer.content_offset = sent.first;
  answer.content_size = sent.size;
  return answer;
}

Answer Protocol::preupload(Request& request) {
  Json body = parse_json(request.call.body);
  const Json* files = member(body, "files");
  if (files == nullptr || !files->is_array()) return error_answer(400, "'files' must be a list");
  if (files->size() > preupload_files_max)
    return error_answer(413, "at most 256 files in one call");
  auto head = resolve(request.repo, request.joined_args());
  if (!head) return std::move(head.error());
  auto commit = commit_of(request.repo, head->commit);
  if (!commit) return std::move(commit.error());
  TreeEdit tree(reader(request.repo), commit->tree);
  // What the request brings along stands for the file of that name at the revision.
  auto rules_text = [&](const char* name, std::string_view path) -> Outcome<std::string> {
    if (auto given = text_member(body, name)) return std::move(*given);
    auto entry = tree.find(path);
    if (!entry) return std::unexpected(failure_answer(entry.error()));
    if (!*entry || (*entry)->is_tree()) return "";
    auto blob = store_.object(request.repo, (*entry)->id);
    if (!blob) return std::unexpected(failure_answer(blob.error()));
    return std::move(blob->bytes);
  };
  auto ignore_text = rules_text("gitIgnore", ".gitignore");
  if (!ignore_text) return std::move(ignore_text.error());
  auto attribute_text = rules_text("gitAttributes", ".gitattributes");
  if (!attribute_text) return std::move(attribute_text.error());
  IgnoreRules ignored(*ignore_text);
  AttributeRules attributes(*attribute_text);

  Json answers = Json::array();
  for (const Json& file : *files) {
    auto path = text_member(file, "path");
    auto size = number_member(file, "size");
    auto sample = base64_decode(text_member(file, "sample").value_or(""));
    if (!path || !size || !sample) {
      return error_answer(400, "each file needs 'path', 'size' and 'sample' in base64");
    }
    if (!valid_repo_path(*path)) {
      return error_answer(400, fmt::format("'{}' is not a valid path in a repository", *path));
    }
    bool lfs = attributes.tracks_with_lfs(*path) || *size > regular_size_max ||
               !is_text(*sample, sample->size() < *size);
    // An object store takes no object of 0 bytes through LFS.
    if (*size == 0 || *size <= options_.inline_limit) lfs = false;
    Json answer = {{"path", *path},
                   {"uploadMode", lfs ? "lfs" : "regular"},
                   {"shouldIgnore", ignored.ignores(*path)}};
    auto entry = tree.find(*path);
    if (!entry) return failure_answer(entry.error());
    if (*entry && !(*entry)->is_tree()) {
      auto info = file_info(request.repo, (*entry)->id);
      if (!info) return std::move(info.error());
      answer["oid"] = info->lfs_oid.empty() ? (*entry)->id : info->lfs_oid;
    }
    answers.push_back(std::move(answer));
  }
  return json_answer(200, dump_json({{"files", answers}, {"commitOid", head->commit}}));
}

}  // namespace headrace::hub
