#include "bench/sink_s3.h"

#include <charconv>

#include <fmt/format.h>

#include "io/ascii.h"

namespace {

constexpr std::string_view xml = "application/xml";
constexpr std::string_view name_space = "http://s3.amazonaws.com/doc/2006-03-01/";
constexpr std::string_view bucket = "/bucket";
constexpr std::string_view checksum_prefix = "x-amz-checksum-";

std::string_view key_of(std::string_view path) {
  path.remove_prefix(std::min(path.size(), bucket.size() + 1));
  return path;
}

// The value of a name in the query; empty where it stands without one, or not at all.
std::string_view query_value(std::string_view target, std::string_view name) {
  std::size_t question = target.find('?');
  while (question != target.npos) {
    target.remove_prefix(question + 1);
    std::string_view pair = target.substr(0, target.find('&'));
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('='))
      return pair.substr(name.size() + 1);
    question = target.find('&');
  }
  return {};
}

bool asks_for(std::string_view target, std::string_view name) {
  std::size_t question = target.find('?');
  if (question == target.npos) return false;
  std::string_view query = target.substr(question + 1);
  return query == name || query.starts_with(fmt::format("{}=", name)) ||
         query.starts_with(fmt::format("{}&", name));
}

SinkAnswer xml_answer(std::string_view name, const std::string& inside) {
  SinkAnswer answer;
  answer.type = xml;
  answer.body = fmt::format("<{0} xmlns=\"{1}\">{2}</{0}>", name, name_space, inside);
  return answer;
}

SinkAnswer store_error(int status, std::string_view code) {
  SinkAnswer answer = xml_answer("Error", fmt::format("<Code>{}</Code>", code));
  answer.status = status;
  return answer;
}

// <ChecksumCRC64NVME>…</ChecksumCRC64NVME>
std::string element_of(const SinkChecksum& checksum) {
  if (checksum.name.empty()) return {};
  std::string name = "Checksum";
  for (char c : checksum.name.substr(checksum_prefix.size()))
    name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return fmt::format("<{0}>{1}</{0}>", name, checksum.value);
}

std::string field_of(const SinkChecksum& checksum) {
  if (checksum.name.empty()) return {};
  return fmt::format("{}: {}\r\nx-amz-checksum-type: FULL_OBJECT\r\n", checksum.name,
                     checksum.value);
}

}  // namespace

SinkChecksum checksum_in(std::string_view lines) {
  while (!lines.empty()) {
    std::string_view line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(std::min(lines.size(), line.size() + 2));
    std::size_t colon = line.find(':');
    if (colon == line.npos) continue;
    std::string name = headrace::lowered(line.substr(0, colon));
    if (!name.starts_with(checksum_prefix)) continue;
    std::string_view algorithm = std::string_view(name).substr(checksum_prefix.size());
    // Of the others that begin so, none is one.
    if (algorithm == "type" || algorithm == "algorithm" || algorithm == "mode") continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    return {.name = std::move(name), .value = std::string(value)};
  }
  return {};
}

bool SinkStore::is_asked(std::string_view target) {
  std::string_view path = path_of(target);
  return path.starts_with(bucket) && (path.size() == bucket.size() || path[bucket.size()] == '/');
}

SinkAnswer SinkStore::answer(const SinkStoreCall& call) {
  std::string_view path = path_of(call.target);
  std::lock_guard lock(mutex_);
  if (call.method == "PUT") return put(call);
  if (call.method == "POST" && asks_for(call.target, "uploads")) return begin(path);
  if (call.method == "POST" && asks_for(call.target, "uploadId")) return complete(call);
  if (call.method == "HEAD") return key_of(path).empty() ? SinkAnswer() : head(path);
  if (call.method == "DELETE") {
    uploads_.erase(std::string(query_value(call.target, "uploadId")));
    return {.status = 204, .body = {}, .error_code = {}};
  }
  if (call.method != "GET") return store_error(405, "MethodNotAllowed");
  if (!query_value(call.target, "uploadId").empty()) return list(call.target);
  if (asks_for(call.target, "location")) return xml_answer("LocationConstraint", "");
  if (!key_of(path).empty()) return store_error(404, "NoSuchKey");
  return xml_answer("ListBucketResult", "<IsTruncated>false</IsTruncated><KeyCount>0</KeyCount>");
}

SinkAnswer SinkStore::put(const SinkStoreCall& call) {
  SinkAnswer answer;
  answer.fields = field_of(call.checksum);
  std::string_view upload = query_value(call.target, "uploadId");
  Content content{call.size, call.checksum};
  if (upload.empty()) {
    objects_[std::string(path_of(call.target))] = std::move(content);
    return answer;
  }
  auto found = uploads_.find(upload);
  if (found == uploads_.end()) return store_error(404, "NoSuchUpload");
  std::string_view text = query_value(call.target, "partNumber");
  unsigned number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  found->second[number] = std::move(content);
  return answer;
}

SinkAnswer SinkStore::begin(std::string_view path) {
  std::string upload = fmt::format("sink{}", ++uploads_begun_);
  uploads_[upload];
  return xml_answer("InitiateMultipartUploadResult",
                    fmt::format("<Bucket>bucket</Bucket><Key>{}</Key><UploadId>{}</UploadId>",
                                key_of(path), upload));
}

SinkAnswer SinkStore::complete(const SinkStoreCall& call) {
  auto found = uploads_.find(query_value(call.target, "uploadId"));
  if (found == uploads_.end()) return store_error(404, "NoSuchUpload");
  Content whole{0, call.checksum};
  for (const auto& [number, part] : found->second) whole.size += part.size;
  std::size_t parts = found->second.size();
  uploads_.erase(found);
  std::string_view path = path_of(call.target);
  objects_[std::string(path)] = whole;
  return xml_answer("CompleteMultipartUploadResult",
                    fmt::format("<Location>{}</Location><Bucket>bucket</Bucket><Key>{}</Key>"
                                "<ETag>&quot;{:032x}-{}&quot;</ETag>{}",
                                path, key_of(path), whole.size, parts, element_of(whole.checksum)));
}

SinkAnswer SinkStore::list(std::string_view target) {
  auto found = uploads_.find(query_value(target, "uploadId"));
  if (found == uploads_.end()) return store_error(404, "NoSuchUpload");
  std::string parts = "<IsTruncated>false</IsTruncated>";
  for (const auto& [number, part] : found->second) {
    parts += fmt::format(
        "<Part><PartNumber>{}</PartNumber><ETag>&quot;{:032x}&quot;</ETag><Size>{}</Size>{}</Part>",
        number, part.size, part.size, element_of(part.checksum));
  }
  return xml_answer("ListPartsResult", parts);
}

SinkAnswer SinkStore::head(std::string_view path) {
  auto found = objects_.find(std::string(path));
  if (found == objects_.end()) return {.status = 404, .body = {}, .error_code = {}};
  SinkAnswer answer;
  answer.size = found->second.size;
  answer.fields =
      fmt::format("etag: \"{:032x}\"\r\nlast-modified: Sun, 01 Nov 2026 00:00:00 GMT\r\n{}",
                  found->second.size, field_of(found->second.checksum));
  return answer;
}
