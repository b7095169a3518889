// LFS batch and verify: which objects are here, and where the others go.
#include <algorithm>

#include <fmt/format.h>

#include "io/ascii.h"
#include "tools/hub/encoding.h"
#include "tools/hub/json.h"
#include "tools/hub/protocol_request.h"

namespace headrace::hub {
namespace {

constexpr std::size_t objects_max = 256;
// S3 numbers the parts of one upload up to this.
constexpr std::uint64_t parts_max = 10'000;
constexpr std::string_view lfs_content = "application/vnd.git-lfs+json";

Json object_error(int code, std::string_view message) {
  return {{"code", code}, {"message", message}};
}

bool offers_multipart(const Json& body) {
  const Json* transfers = member(body, "transfers");
  if (transfers == nullptr || !transfers->is_array()) return false;
  return std::ranges::any_of(*transfers, [](const Json& name) { return name == "multipart"; });
}

}  // namespace

struct Protocol::Batch {
  struct Object {
    std::string oid;
    std::uint64_t size = 0;
    std::optional<std::uint64_t> stored;  // its size here, if this repository has it
  };
  bool upload = false;
  bool multipart = false;  // the client knows how to send parts
  std::uint64_t threshold = 0;
  std::int64_t expires = 0;
  bool any_in_parts = false;
  bool all_in_parts = false;
  std::vector<Object> objects;

  bool in_parts(const Object& object) const {
    return object.size > threshold || (all_in_parts && object.size > 0);
  }
};

Protocol::Outcome<Protocol::Batch> Protocol::parse_batch(Request& request) {
  Json body = parse_json(request.call.body);
  const Json* listed = member(body, "objects");
  std::string operation = text_member(body, "operation").value_or("");
  if (listed == nullptr || !listed->is_array() ||
      (operation != "upload" && operation != "download")) {
    return std::unexpected(lfs_error(422, "a batch needs 'operation' and 'objects'"));
  }
  if (listed->size() > objects_max) {
    return std::unexpected(lfs_error(413, "at most 256 objects in one batch"));
  }
  std::string algorithm = text_member(body, "hash_algo").value_or("sha256");
  if (algorithm != "sha256" && algorithm != "sha_256") {
    return std::unexpected(lfs_error(409, "this hub knows sha256 only"));
  }
  Batch batch{.upload = operation == "upload",
              .multipart = offers_multipart(body),
              .threshold = number_member(parse_json(request.record), "multipartThreshold")
                               .value_or(options_.multipart_threshold),
              .expires = options_.now() + options_.url_lifetime_s};
  for (const Json& entry : *listed) {
    auto oid = text_member(entry, "oid");
    auto size = number_member(entry, "size");
    if (!oid || !size || !is_hex(*oid, 64, 64)) {
      return std::unexpected(lfs_error(422, "each object needs 'oid', 64 hex digits, and 'size'"));
    }
    Batch::Object object{.oid = lowered(*oid), .size = *size};
    if (auto stored = lfs_size(request.repo, object.oid)) object.stored = *stored;
    bool large = batch.upload && !object.stored && object.size > batch.threshold;
    batch.any_in_parts |= batch.multipart && large;
    batch.objects.push_back(std::move(object));
  }
  // git-lfs hands every object of a multipart answer to one agent, which knows parts only.
  batch.all_in_parts =
      batch.any_in_parts && request.call.headers.value_or("User-Agent", "").starts_with("git-lfs/");
  return batch;
}

Answer Protocol::lfs_batch(Request& request) {
  auto batch = parse_batch(request);
  if (!batch) return std::move(batch.error());
  if (batch->upload) {
    if (auto known = authenticate(request, true); !known) return std::move(known.error());
  }
  Json answers = Json::array();
  for (const Batch::Object& object : batch->objects) {
    Json answer = {{"oid", object.oid}, {"size", object.size}, {"authenticated", true}};
    bool here = object.stored.has_value();
    if (here && *object.stored != object.size) {
      answer["error"] = object_error(422, "the object has another size here");
    } else if (!batch->upload && !here) {
      answer["error"] = object_error(404, "this repository does not have the object");
    } else if (batch->upload && !here && object.size > batch->threshold && !batch->multipart) {
      answer["error"] = object_error(422,
                                     "the file is too large for one request; to push it with git, "
                                     "run `huggingface-cli lfs-enable-largefiles .` first");
    } else if (!batch->upload) {
      answer["actions"]["download"] =
          batch_action(request, *batch, {.method = "GET", .oid = object.oid, .size = object.size});
    } else if (!here) {
      auto actions = upload_actions(request, *batch, object.oid, object.size);
      if (!actions) return std::move(actions.error());
      answer["actions"] = std::move(*actions);
    }  // else nothing is to be sent, which the absence of actions says
    answers.push_back(std::move(answer));
  }
  std::string transfer = batch->any_in_parts ? "multipart" : "basic";
  Answer answer = json_answer(200, dump_json({{"transfer", transfer}, {"objects", answers}}));
  answer.headers.set("Content-Type", lfs_content);
  return answer;
}

// A URL with how long it is good for.
Json Protocol::action(std::string href, std::int64_t expires) const {
  return {{"href", std::move(href)},
          {"expires_in", options_.url_lifetime_s},
          {"expires_at", iso_time(expires)}};
}

Json Protocol::batch_action(const Request& request, const Batch& batch, TransferUrl url) const {
  url.repo = request.repo;
  url.expires = batch.expires;
  return action(signed_url(request, url), batch.expires);
}

Protocol::Outcome<Json> Protocol::upload_actions(const Request& request, const Batch& batch,
                                                 const std::string& oid, std::uint64_t size) {
  TransferUrl url{.method = "POST", .oid = oid, .size = size};
  Json verify = batch_action(request, batch, url);
  verify["header"] = Json::object();
  bool in_parts = batch.in_parts({.oid = oid, .size = size});
  UploadRecord wanted{.id = in_parts || remote_ ? fresh_id() : "",
                      .repo = request.repo,
                      .oid = oid,
                      .size = size,
                      .part_size = std::max(options_.part_size, (size + parts_max - 1) / parts_max),
                      .created_at = options_.now()};
  if (remote_ && !in_parts) return remote_put(request, wanted, batch.expires);
  if (remote_) {
    auto upload = remote_parts(request, wanted, batch.expires);
    if (!upload) return upload;
    return Json{{"upload", std::move(*upload)}, {"verify", std::move(verify)}};
  }
  if (!in_parts) {
    url.method = "PUT";
    Json put = batch_action(request, batch, std::move(url));
    put["header"] = Json::object();
    return Json{{"upload", std::move(put)}, {"verify", std::move(verify)}};
  }
  auto upload = uploads_.find_or_create(std::move(wanted));
  if (!upload) return std::unexpected(failure_answer(upload.error()));
  const UploadRecord& record = (*upload)->record();
  url.upload = record.id;
  Json completion = batch_action(request, batch, url);
  url.method = "PUT";
  url.repo = request.repo;
  url.expires = batch.expires;
  // Clients sort the keys as text, so they are all of one width.
  completion["header"]["chunk_size"] = std::to_string(record.part_size);
  for (url.part = 1; url.part <= record.part_count(); ++url.part) {
    completion["header"][fmt::format("{:05}", url.part)] = signed_url(request, url);
  }
  return Json{{"upload", std::move(completion)}, {"verify", std::move(verify)}};
}

Answer Protocol::verify(Request& request, const TransferUrl& url) {
  Json body = parse_json(request.call.body);
  if (text_member(body, "oid") != url.oid || number_member(body, "size") != url.size) {
    return lfs_error(422, "'oid' and 'size' are not those that this URL is for");
  }
  if (url.is_put()) return remote_verify(url);
  if (!lfs_size(url.repo, url.oid)) {
    return lfs_error(404, "this repository does not have the object");
  }
  Answer answer = json_answer(200, "{}");
  answer.headers.set("Content-Type", lfs_content);
  return answer;
}

}  // namespace headrace::hub
