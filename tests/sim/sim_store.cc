#include "tests/sim/sim_store.h"

#include <charconv>

#include <fmt/format.h>

#include "engine/s3/checksum.h"
#include "engine/s3/xml.h"
#include "io/digest/crc.h"
#include "net/url.h"

namespace headrace {
namespace {

constexpr std::size_t body_size_max = 64 * 1024 * 1024;
constexpr std::string_view crc_field = "x-amz-checksum-crc64nvme";

double pick(Prng& prng, std::initializer_list<double> values) {
  return values.begin()[prng.below(values.size())];
}

std::string checksum_of(std::string_view bytes) {
  Crc64Nvme digest;
  digest.update(bytes);
  return checksum_text(digest.finish());
}

std::string parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    if (one.substr(0, one.find('=')) != name) continue;
    return percent_decode(one.substr(std::min(one.size(), name.size() + 1))).value_or("");
  }
  return "";
}

ServerReply xml(std::string body, int status = 200) {
  ServerReply reply;
  reply.status = status;
  reply.headers.set("content-type", "application/xml");
  reply.body = std::move(body);
  return reply;
}

ServerReply error(int status, std::string_view code) {
  return xml(fmt::format("<Error><Code>{}</Code><Message>simulated</Message></Error>", code),
             status);
}

}  // namespace

SimStoreKnobs SimStoreKnobs::calm(Prng& prng) {
  SimStoreKnobs knobs;
  knobs.takes_trailers = prng.chance(0.8);
  knobs.names_checksums = prng.chance(0.8);
  return knobs;
}

SimStoreKnobs SimStoreKnobs::swarm(Prng& prng) {
  SimStoreKnobs knobs = calm(prng);
  knobs.fail_before = pick(prng, {0, 0, 0.02, 0.15});
  knobs.fail_after = pick(prng, {0, 0, 0, 0.02, 0.1});
  knobs.cut_answer = pick(prng, {0, 0, 0, 0.02});
  knobs.slow_answer = pick(prng, {0, 0, 0.05});
  knobs.lose_upload = pick(prng, {0, 0, 0, 0.05});
  knobs.error_in_success = pick(prng, {0, 0, 0, 0.3});
  knobs.flip_bit = pick(prng, {0, 0, 0, 0.05});
  return knobs;
}

SimStore::SimStore(SimWorld& world, std::size_t worker, const SimStoreKnobs& knobs)
    : world_(world), worker_(world.worker(worker)), knobs_(knobs), prng_(world.prng().fork()) {
  server_ = std::make_unique<HttpServer>(worker_, *this);
  Result<std::uint16_t> port = server_->listen("127.0.0.1", 0);
  CHECK(port);
  port_ = *port;
  scope_ = std::make_unique<Scope>(worker_);
  scope_->spawn(server_->serve(*scope_));
}

std::vector<std::string> SimStore::left() const {
  std::vector<std::string> keys;
  for (const auto& [id, upload] : uploads_) {
    if (upload.named) keys.push_back(upload.key);
  }
  return keys;
}

Task<ServerReply> SimStore::handle(Scope& scope, const ServerRequest& request, RequestBody& body) {
  if (chance(knobs_.fail_before)) {
    ++faults_;
    co_return prng_.chance(0.5) ? error(503, "SlowDown") : error(500, "InternalError");
  }
  if (chance(knobs_.slow_answer)) {
    auto most = static_cast<std::uint64_t>(knobs_.slow_max.count());
    bool slept = co_await scope.worker().sleep(scope, Duration(prng_.between(0, most)));
    if (!slept) co_return error(503, "SlowDown");
  }
  Result<std::string> text = co_await body.read_all(scope, body_size_max);
  ServerReply reply;
  if (!text) {
    reply.cut_after = 0;  // the body broke off
    co_return reply;
  }
  reply = answer(taken_apart(request, std::move(*text)));
  if (chance(knobs_.fail_after)) {
    ++faults_;
    co_return error(500, "InternalError");
  }
  if (chance(knobs_.cut_answer)) {
    ++faults_;
    reply.cut_after = prng_.below(200);
  }
  co_return reply;
}

SimStore::Asked SimStore::taken_apart(const ServerRequest& request, std::string body) {
  std::string_view target = request.target;
  std::string_view path = target.substr(0, target.find('?'));
  std::string_view query = target.substr(std::min(target.size(), path.size() + 1));
  path.remove_prefix(1);
  std::string_view bucket = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(path.size(), bucket.size() + 1));
  Asked asked{.method = request.method,
              .key = percent_decode(path).value_or(""),
              .query = std::string(query),
              .upload = parameter(query, "uploadId"),
              .part = 0,
              .headers = request.headers,
              .body = std::move(body)};
  std::string number = parameter(query, "partNumber");
  std::from_chars(number.data(), number.data() + number.size(), asked.part);
  return asked;
}

ServerReply SimStore::answer(Asked asked) {
  if (asked.key.empty()) return xml("<ListBucketResult></ListBucketResult>");
  if (asked.query.starts_with("uploads")) {
    std::string id = fmt::format("upload {}", ++begun_);
    uploads_[id] = {.key = asked.key, .named = false, .parts = {}};
    return xml(
        fmt::format("<InitiateMultipartUploadResult><UploadId>{}</UploadId>"
                    "</InitiateMultipartUploadResult>",
                    id));
  }
  if (asked.upload.empty()) {
    if (asked.method != "PUT") return head(asked.key);
    std::optional<std::string> bytes;
    ServerReply reply = put(asked, bytes);
    if (bytes) objects_[asked.key] = std::move(*bytes);
    return reply;
  }
  auto found = uploads_.find(asked.upload);
  if (found == uploads_.end()) return error(404, "NoSuchUpload");
  found->second.named = true;
  if (asked.part > 0 && chance(knobs_.lose_upload)) {
    ++faults_;
    uploads_.erase(found);
    return error(404, "NoSuchUpload");
  }
  ServerReply reply = answer_upload(found->second, asked);
  bool ends = reply.status == 204 || reply.body.starts_with("<CompleteMultipartUploadResult>");
  if (ends) uploads_.erase(asked.upload);
  return reply;
}

ServerReply SimStore::answer_upload(Upload& upload, Asked& asked) {
  if (asked.method == "GET") return list_parts(upload);
  if (asked.method == "POST") return complete(upload, asked);
  if (asked.method == "DELETE") {
    ServerReply gone;
    gone.status = 204;
    return gone;
  }
  std::optional<std::string> bytes;
  ServerReply reply = put(asked, bytes);
  if (!bytes) return reply;
  std::string etag(reply.headers.value_or("etag", ""));
  Part& part = upload.parts[asked.part];
  part.confirmed[etag] = checksum_of(*bytes);
  part.etag = std::move(etag);
  part.bytes = std::move(*bytes);
  return reply;
}

std::optional<std::string> SimStore::unpacked(Asked& asked) {
  std::string said(asked.headers.value_or(crc_field, ""));
  std::string bytes = std::move(asked.body);
  if (asked.headers.value_or("content-encoding", "") == "aws-chunked") {
    std::string_view rest = bytes;
    std::string content;
    while (true) {
      std::size_t size = 0;
      std::from_chars(rest.data(), rest.data() + rest.size(), size, 16);
      rest.remove_prefix(rest.find("\r\n") + 2);
      if (size == 0) break;
      content += rest.substr(0, size);
      rest.remove_prefix(size + 2);
    }
    said = rest.substr(rest.find(':') + 1, rest.find('\r') - rest.find(':') - 1);
    bytes = std::move(content);
  }
  if (!said.empty() && !bytes.empty() && chance(knobs_.flip_bit)) {
    ++faults_;
    bytes[prng_.below(bytes.size())] ^= 1;
  }
  if (!said.empty() && said != checksum_of(bytes)) return std::nullopt;
  return bytes;
}

ServerReply SimStore::put(Asked& asked, std::optional<std::string>& place) {
  bool trailer = asked.headers.find("x-amz-trailer").has_value();
  if (trailer && !knobs_.takes_trailers) return error(400, "InvalidRequest");
  place = unpacked(asked);
  if (!place) return error(400, "BadDigest");
  ServerReply reply;
  reply.headers.set("etag", fmt::format("\"{}\"", ++confirmed_));
  if (knobs_.names_checksums) reply.headers.set(crc_field, checksum_of(*place));
  return reply;
}

bool SimStore::Part::has(std::string_view name) const {
  auto found = confirmed.find(std::string(name));
  return found != confirmed.end() && found->second == checksum_of(bytes);
}

ServerReply SimStore::list_parts(const Upload& upload) const {
  std::string text = "<ListPartsResult><IsTruncated>false</IsTruncated>";
  for (const auto& [number, part] : upload.parts) {
    text += fmt::format("<Part><PartNumber>{}</PartNumber><Size>{}</Size><ETag>{}</ETag></Part>",
                        number, part.bytes.size(), part.etag);
  }
  return xml(text + "</ListPartsResult>");
}

ServerReply SimStore::complete(Upload& upload, const Asked& asked) {
  if (chance(knobs_.error_in_success)) {
    ++faults_;
    return error(200, "InternalError");
  }
  std::optional<XmlElement> body = parse_xml(asked.body);
  if (!body) return error(400, "MalformedXML");
  std::string whole;
  for (const XmlElement& named : body->children) {
    std::string number(named.text_of("PartNumber"));
    std::uint32_t index = 0;
    std::from_chars(number.data(), number.data() + number.size(), index);
    auto part = upload.parts.find(index);
    if (part == upload.parts.end() || !part->second.has(named.text_of("ETag"))) {
      world_.violation(fmt::format("a completion names part {} as it never was", number));
      return error(400, "InvalidPart");
    }
    whole += part->second.bytes;
  }
  if (asked.headers.value_or(crc_field, checksum_of(whole)) != checksum_of(whole)) {
    world_.violation("a completion names another checksum than that of its parts");
    return error(400, "BadDigest");
  }
  std::string checksum =
      knobs_.names_checksums
          ? fmt::format("<ChecksumCRC64NVME>{}</ChecksumCRC64NVME>", checksum_of(whole))
          : "";
  objects_[upload.key] = std::move(whole);
  return xml("<CompleteMultipartUploadResult><ETag>\"whole\"</ETag>" + checksum +
             "</CompleteMultipartUploadResult>");
}

ServerReply SimStore::head(const std::string& key) const {
  ServerReply reply;
  auto found = objects_.find(key);
  if (found == objects_.end()) {
    reply.status = 404;
    return reply;
  }
  reply.headers.set("etag", "\"whole\"");
  reply.headers.set("content-length", std::to_string(found->second.size()));
  if (!knobs_.names_checksums) return reply;
  reply.headers.set(crc_field, checksum_of(found->second));
  reply.headers.set("x-amz-checksum-type", "FULL_OBJECT");
  return reply;
}

}  // namespace headrace
