// LFS batch and verify: which objects are here, and where the others go.
#include <algorithm>

#include <fmt/format.h>

#include "tools/hub/encoding.h"
#include "tools/hub/json.h"
#include "tools/hub/protocol_request.h"

namespace headrace::hub {
namespace {

constexpr std::size_t objects_max = 256;
// S3 numbers the parts of one upload up to this.
constexpr std::uint64_t parts_max = 10'000;
constexpr std::string_view lfs_content = "application/vnd.git-lfs+json";

struct BatchObject {
  std::string oid;
  std::uint64_t size = 0;
};

Json object_error(const BatchObject& object, int code, std::string_view message) {
  return {{"oid", object.oid},
          {"size", object.size},
          {"error", {{"code", code}, {"message", message}}}};
}

bool offers_multipart(const Json& body) {
  const Json* transfers = member(body, "transfers");
  if (transfers == nullptr || !transfers->is_array()) return false;
  return std::ranges::any_of(*transfers, [](const Json& name) { return name == "multipart"; });
}

}  // namespace

Answer Protocol::lfs_batch(Request& request) {
  Json body = parse_json(request.call.body);
  const Json* listed = member(body, "objects");
  std::string operation = text_member(body, "operation").value_or("");
  if (listed == nullptr || !listed->is_array() ||
      (operation != "upload" && operation != "download")) {
    return lfs_error(422, "a batch needs 'operation' and 'objects'");
  }
  if (listed->size() > objects_max) return lfs_error(413, "at most 256 objects in one batch");
  std::string algorithm = text_member(body, "hash_algo").value_or("sha256");
  if (algorithm != "sha256" && algorithm != "sha_256") return lfs_error(409, "sha256 only");
  bool upload = operation == "upload";
  if (upload) {
    if (auto known = authenticate(request, true); !known) return std::move(known.error());
  }
  std::vector<BatchObject> objects;
  for (const Json& entry : *listed) {
    auto oid = text_member(entry, "oid");
    auto size = number_member(entry, "size");
    if (!oid || !size || !is_hex(*oid, 64, 64)) {
      return lfs_error(422, "each object needs 'oid', 64 hex digits, and 'size'");
    }
    std::ranges::transform(*oid, oid->begin(), [](unsigned char c) { return std::tolower(c); });
    objects.push_back({.oid = std::move(*oid), .size = *size});
  }

  auto threshold = number_member(parse_json(request.record), "multipartThreshold")
                       .value_or(options_.multipart_threshold);
  bool multipart = offers_multipart(body);
  auto stored = [&](const BatchObject& object) {
    return store_.lfs_size(request.repo, object.oid).has_value();
  };
  bool any_large = upload && multipart && std::ranges::any_of(objects, [&](const auto& object) {
                     return object.size > threshold && !stored(object);
                   });
  // git-lfs hands every object of a multipart answer to one agent, which knows parts only.
  bool all_in_parts =
      any_large && request.call.headers.value_or("User-Agent", "").starts_with("git-lfs/");

  Json answers = Json::array();
  for (const BatchObject& object : objects) {
    Json answer = {{"oid", object.oid}, {"size", object.size}, {"authenticated", true}};
    auto size = store_.lfs_size(request.repo, object.oid);
    TransferUrl url{.method = "GET",
                    .repo = request.repo,
                    .oid = object.oid,
                    .size = object.size,
                    .expires = options_.now() + options_.url_lifetime_s};
    auto with_lifetime = [&](Json action) {
      action["expires_in"] = options_.url_lifetime_s;
      action["expires_at"] = iso_time(url.expires);
      return action;
    };
    if (size && *size != object.size) {
      answers.push_back(object_error(object, 422, "the object has another size here"));
      continue;
    }
    if (!upload) {
      if (!size) {
        answers.push_back(object_error(object, 404, "this repository does not have the object"));
        continue;
      }
      answer["actions"]["download"] = with_lifetime({{"href", signed_url(request, url)}});
      answers.push_back(std::move(answer));
      continue;
    }
    if (size) {  // no actions: nothing to send
      answers.push_back(std::move(answer));
      continue;
    }
    if (object.size > threshold && !multipart) {
      answers.push_back(
          object_error(object, 422,
                       "the file is too large for one request; to push it with git, run "
                       "`huggingface-cli lfs-enable-largefiles .` in the repository"));
      continue;
    }
    Json action;
    if ((object.size > threshold || all_in_parts) && object.size > 0) {
      std::uint64_t part_size =
          std::max(options_.part_size, (object.size + parts_max - 1) / parts_max);
      auto record = uploads_.find_or_create({.id = fresh_id(),
                                             .repo = request.repo,
                                             .oid = object.oid,
                                             .size = object.size,
                                             .part_size = part_size,
                                             .created_at = options_.now()});
      if (!record) return failure_answer(record.error());
      url.upload = (*record)->record().id;
      // Clients sort the keys as text, so they are all of one width.
      Json header = {{"chunk_size", std::to_string((*record)->record().part_size)}};
      url.method = "PUT";
      for (url.part = 1; url.part <= (*record)->record().part_count(); ++url.part) {
        header[fmt::format("{:05}", url.part)] = signed_url(request, url);
      }
      url.method = "POST";
      url.part = 0;
      action = {{"href", signed_url(request, url)}, {"header", std::move(header)}};
    } else {
      url.method = "PUT";
      action = {{"href", signed_url(request, url)}, {"header", Json::object()}};
    }
    answer["actions"]["upload"] = with_lifetime(std::move(action));
    answer["actions"]["verify"] = {
        {"href", request.call.origin + web_prefix(request.repo) + ".git/info/lfs/objects/verify"},
        {"header", Json::object()}};
    answers.push_back(std::move(answer));
  }
  Answer answer = json_answer(
      200, dump_json({{"transfer", any_large ? "multipart" : "basic"}, {"objects", answers}}));
  answer.headers.set("Content-Type", lfs_content);
  return answer;
}

Answer Protocol::lfs_verify(Request& request) {
  if (auto known = authenticate(request, true); !known) return std::move(known.error());
  Json body = parse_json(request.call.body);
  auto oid = text_member(body, "oid");
  auto size = number_member(body, "size");
  if (!oid || !size) return lfs_error(422, "verify needs 'oid' and 'size'");
  auto stored = store_.lfs_size(request.repo, *oid);
  if (!stored) return lfs_error(404, "this repository does not have the object");
  if (*stored != *size) return lfs_error(422, "the object has another size here");
  Answer answer = json_answer(200, "{}");
  answer.headers.set("Content-Type", lfs_content);
  return answer;
}

}  // namespace headrace::hub
