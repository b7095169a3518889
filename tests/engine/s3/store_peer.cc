#include "tests/engine/s3/store_peer.h"

#include <charconv>
#include <fstream>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "engine/s3/checksum_use.h"
#include "io/digest/crc.h"

namespace headrace {
namespace {

std::string parameter(const std::string& target, const std::string& name) {
  std::size_t query = target.find('?');
  if (query == std::string::npos) return "";
  std::size_t at = target.find(name + "=", query);
  if (at == std::string::npos) return "";
  at += name.size() + 1;
  return *percent_decode(target.substr(at, target.find('&', at) - at));
}

ServerReply xml(std::string body) {
  ServerReply reply;
  reply.headers.set("content-type", "application/xml");
  reply.body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + std::move(body);
  return reply;
}

}  // namespace

std::string crc64_text(std::string_view bytes) {
  Crc64Nvme digest;
  digest.update(bytes);
  return checksum_text(digest.finish());
}

Unpacked unpack(const StorePeer::Seen& seen) {
  if (seen.headers.value_or("content-encoding", "") != "aws-chunked") return {seen.body, ""};
  Unpacked out;
  std::string_view rest = seen.body;
  while (true) {
    std::size_t size = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), size, 16);
    rest.remove_prefix(rest.find("\r\n") + 2);
    if (size == 0) break;
    out.bytes += rest.substr(0, size);
    REQUIRE(rest.substr(size, 2) == "\r\n");
    rest.remove_prefix(size + 2);
  }
  REQUIRE(rest.ends_with("\r\n\r\n"));
  out.trailer = rest.substr(0, rest.size() - 4);
  CHECK(seen.headers.value_or("x-amz-decoded-content-length", "") ==
        std::to_string(out.bytes.size()));
  return out;
}

ServerReply StorePeer::error(int status, const std::string& code, const std::string& more) {
  ServerReply reply = xml(fmt::format(
      "<Error><Code>{}</Code><Message>said {}</Message>{}<RequestId>r1</RequestId></Error>", code,
      code, more));
  reply.status = status;
  return reply;
}

std::size_t StorePeer::count(const std::string& call) const {
  return static_cast<std::size_t>(std::ranges::count(calls, call));
}

ServerReply StorePeer::answer(const Seen& seen) {
  std::string name = *percent_decode(seen.target.substr(1, seen.target.find('?') - 1));
  std::string upload = parameter(seen.target, "uploadId");
  std::string number = parameter(seen.target, "partNumber");
  std::string what = !number.empty() ? " part" : !upload.empty() ? " upload" : "";
  if (seen.target.contains("?uploads")) what = " uploads";
  if (seen.target.contains("list-type")) what = " list";
  calls.push_back(seen.method + what);
  // A sender that was stopped: its body did not come whole.
  if (seen.body.empty() && seen.headers.find("x-amz-trailer")) return error(400, "IncompleteBody");
  if (instead) {
    if (std::optional<ServerReply> reply = instead(seen)) return std::move(*reply);
  }
  if (seen.method == "GET" && !upload.empty()) return list_parts(upload);
  if (what == " list") return xml("<ListBucketResult></ListBucketResult>");
  if (seen.method == "HEAD") return head(name);
  if (seen.method == "PUT") {
    return number.empty() ? put(seen, name) : put_part(seen, upload, std::stoi(number));
  }
  if (what == " uploads") {
    std::string id = fmt::format("up {}", ++uploads_begun);
    uploads[id] = {.name = name, .fields = seen.headers, .parts = {}};
    return xml(
        fmt::format("<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key>"
                    "<UploadId>{}</UploadId></InitiateMultipartUploadResult>",
                    id));
  }
  if (seen.method == "POST") return complete(seen, upload);
  if (uploads.erase(upload) == 0) return error(404, "NoSuchUpload");
  ServerReply gone;
  gone.status = 204;
  return gone;
}

ServerReply StorePeer::put(const Seen& seen, const std::string& name) {
  if (seen.headers.find("if-none-match") && objects.contains(name)) {
    return error(412, "PreconditionFailed");
  }
  Unpacked body = unpack(seen);
  std::string checksum = crc64_text(body.bytes);
  std::string said(seen.headers.value_or("x-amz-checksum-crc64nvme", checksum));
  if (!body.trailer.empty()) said = body.trailer.substr(body.trailer.find(':') + 1);
  if (said != checksum) return error(400, "BadDigest");
  ServerReply reply;
  reply.headers.set("etag", fmt::format("\"{:032x}\"", objects.size()));
  if (names_checksums) reply.headers.set("x-amz-checksum-crc64nvme", checksum);
  objects[name] = {.bytes = std::move(body.bytes), .fields = seen.headers};
  return reply;
}

ServerReply StorePeer::put_part(const Seen& seen, const std::string& upload, int number) {
  auto found = uploads.find(upload);
  if (found == uploads.end()) return error(404, "NoSuchUpload");
  Unpacked body = unpack(seen);
  ServerReply reply;
  reply.headers.set("etag", fmt::format("\"part {}\"", number));
  if (names_checksums) reply.headers.set("x-amz-checksum-crc64nvme", crc64_text(body.bytes));
  found->second.parts[number] = std::move(body.bytes);
  return reply;
}

ServerReply StorePeer::list_parts(const std::string& upload) {
  auto found = uploads.find(upload);
  if (found == uploads.end()) return error(404, "NoSuchUpload");
  std::string text = "<ListPartsResult><IsTruncated>false</IsTruncated>";
  for (const auto& [number, bytes] : found->second.parts) {
    text += fmt::format("<Part><PartNumber>{}</PartNumber><Size>{}</Size><ETag>\"e\"</ETag></Part>",
                        number, bytes.size());
  }
  return xml(text + "</ListPartsResult>");
}

ServerReply StorePeer::complete(const Seen& seen, const std::string& upload) {
  auto found = uploads.find(upload);
  if (found == uploads.end()) return error(404, "NoSuchUpload");
  StoredObject object{.bytes = {}, .fields = found->second.fields};
  for (const auto& [number, bytes] : found->second.parts) {
    CHECK(seen.body.contains(fmt::format("<PartNumber>{}</PartNumber>", number)));
    object.bytes += bytes;
  }
  std::string checksum = crc64_text(object.bytes);
  if (seen.headers.value_or("x-amz-checksum-crc64nvme", checksum) != checksum) {
    return error(400, "BadDigest");
  }
  objects[found->second.name] = std::move(object);
  uploads.erase(found);
  return xml(fmt::format(
      "<CompleteMultipartUploadResult><ETag>\"whole-1\"</ETag>{}"
      "</CompleteMultipartUploadResult>",
      names_checksums ? "<ChecksumCRC64NVME>" + checksum + "</ChecksumCRC64NVME>" : ""));
}

ServerReply StorePeer::head(const std::string& name) {
  ServerReply reply;
  auto found = objects.find(name);
  if (found == objects.end()) {
    reply.status = 404;
    return reply;
  }
  reply.headers.set("etag", "\"whole\"");
  reply.headers.set("content-length", std::to_string(found->second.bytes.size()));
  if (names_checksums) {
    reply.headers.set("x-amz-checksum-crc64nvme", crc64_text(found->second.bytes));
    reply.headers.set("x-amz-checksum-type", "FULL_OBJECT");
  }
  return reply;
}

CopyFolder::CopyFolder() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }

CopyFolder::~CopyFolder() {
  for (const std::string& file : files_) ::unlink(file.c_str());
  ::rmdir(path_.c_str());
}

std::string CopyFolder::write(const std::string& name, std::string_view bytes) {
  files_.push_back(path_ + "/" + name);
  std::ofstream(files_.back(), std::ios::binary) << bytes;
  return files_.back();
}

bool CopyLoop::Heard::noted(std::string_view text) const {
  return std::ranges::any_of(events, [&](const Event& event) {
    const Note* note = std::get_if<Note>(&event);
    return note && note->text.contains(text);
  });
}

CopyLoop::CopyLoop() {
  std::int64_t now = net.loop.worker->backend().wall_seconds();
  S3ChecksumUse all{.why = "the test says so"};
  stores_file =
      memory.write("stores", remember_checksums("", loopback_url(net.port, ""), all, now));
  net.handler.reply = [this](const ScriptedHandler::Seen& seen) { return store.answer(seen); };
}

CopyRequest CopyLoop::request(const std::string& source, const std::string& target_key) {
  CopyRequest request;
  request.account.settings.region = "us-east-1";
  request.account.settings.endpoint_url = loopback_url(net.port, "");
  request.account.credentials =
      S3Credentials{.access_key_id = "AKID", .secret_access_key = "secret"};
  request.account.stores_file = stores_file;
  request.sources = {source};
  request.bucket = "b";
  request.prefix = target_key;
  return request;
}

Task<void> CopyLoop::task(CopyRequest request, Scope& scope,
                          std::optional<Result<UploadResult>>& result) {
  Crew crew({&*net.loop.worker}, net.resolver, arena);
  S3Copy copy(crew, std::move(request), 0, reporter);
  Result<UploadResult> ended = co_await copy.run(scope);
  result.emplace(std::move(ended));
}

Result<UploadResult> CopyLoop::copy(CopyRequest request, std::function<void(Scope&)> meanwhile) {
  std::optional<Result<UploadResult>> result;
  if (std::exchange(served_, true)) {
    Result<std::uint16_t> again = net.server.listen("127.0.0.1", net.port);
    REQUIRE(again);
  }
  Scope copying(*net.loop.scope);
  Scope serving(*net.loop.scope);
  serving.spawn(net.server.serve(serving));
  copying.spawn(task(std::move(request), copying, result));
  while (copying.children() > 0) {
    net.loop.worker->step(!meanwhile);
    if (meanwhile) meanwhile(copying);
  }
  serving.cancel();
  while (serving.children() > 0) net.loop.worker->step(true);
  return std::move(*result);
}

}  // namespace headrace
