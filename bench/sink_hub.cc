#include "bench/sink_hub.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace {

using Json = nlohmann::json;

constexpr std::string_view commit_oid = "0123456789abcdef0123456789abcdef01234567";

// "/api/models/me/r/commit/main": {"models", "me/r"}; empty if it is no repo's.
struct Place {
  std::string_view types;
  std::string_view repo;
};
Place place_of(std::string_view path, std::string_view verb) {
  constexpr std::string_view api = "/api/";
  std::size_t end = path.find(verb);
  if (!path.starts_with(api) || end == path.npos) return {};
  std::string_view inner = path.substr(api.size(), end - api.size());
  std::size_t slash = inner.find('/');
  if (slash == inner.npos) return {};
  return {inner.substr(0, slash), inner.substr(slash + 1)};
}

// As the pages of the Hub are called: models have no prefix.
std::string page_of(const SinkHub& hub, std::string_view types, std::string_view repo) {
  return types == "models" ? fmt::format("{}/{}", hub.url, repo)
                           : fmt::format("{}/{}/{}", hub.url, types, repo);
}

SinkAnswer created(const SinkHub& hub, const Json& wish) {
  std::string owner = "me";
  if (wish.contains("organization") && wish["organization"].is_string())
    owner = wish["organization"];
  std::string types = wish.value("type", "model") + "s";
  std::string repo = owner + "/" + wish.at("name").get<std::string>();
  return {.body = Json{{"url", page_of(hub, types, repo)}}.dump()};
}

// Begins with three NULs, which no text does; files that a bench has made of nothing all do.
bool looks_binary(const std::string& sample) { return sample.starts_with("AAAA"); }

SinkAnswer preuploaded(const SinkHub& hub, const Json& wish) {
  Json files = Json::array();
  for (const Json& file : wish.at("files")) {
    bool large = file.at("size").get<std::uint64_t>() > hub.inline_limit ||
                 looks_binary(file.at("sample").get<std::string>());
    files.push_back({{"path", file.at("path")},
                     {"uploadMode", large ? "lfs" : "regular"},
                     {"shouldIgnore", false}});
  }
  return {.body = Json{{"files", std::move(files)}, {"commitOid", commit_oid}}.dump()};
}

Json upload_action(const SinkHub& hub, const std::string& oid, std::uint64_t size) {
  if (size <= hub.multipart_threshold)
    return {{"href", fmt::format("{}/content/{}", hub.url, oid)}};
  Json header{{"chunk_size", std::to_string(hub.part_size)}};
  std::uint64_t parts = (size + hub.part_size - 1) / hub.part_size;
  for (std::uint64_t part = 1; part <= parts; ++part)
    header[fmt::format("{:05}", part)] = fmt::format("{}/content/{}/{:05}", hub.url, oid, part);
  return {{"href", fmt::format("{}/complete/{}", hub.url, oid)}, {"header", std::move(header)}};
}

SinkAnswer negotiated(const SinkHub& hub, const Json& wish) {
  Json objects = Json::array();
  bool multipart = false;
  for (const Json& object : wish.at("objects")) {
    auto oid = object.at("oid").get<std::string>();
    auto size = object.at("size").get<std::uint64_t>();
    multipart = multipart || size > hub.multipart_threshold;
    Json verify{{"href", fmt::format("{}/verify/{}", hub.url, oid)}};
    Json actions{{"upload", upload_action(hub, oid, size)}, {"verify", std::move(verify)}};
    objects.push_back(
        {{"oid", oid}, {"size", size}, {"authenticated", true}, {"actions", std::move(actions)}});
  }
  Json answer{{"transfer", multipart ? "multipart" : "basic"}, {"objects", std::move(objects)}};
  return {.body = answer.dump()};
}

SinkAnswer committed(const SinkHub& hub, std::string_view target) {
  Place place = place_of(path_of(target), "/commit/");
  std::string page = page_of(hub, place.types, place.repo);
  Json answer{{"success", true},
              {"commitOid", commit_oid},
              {"commitUrl", fmt::format("{}/commit/{}", page, commit_oid)}};
  if (target.ends_with("create_pr=1")) answer["pullRequestUrl"] = page + "/discussions/1";
  return {.body = answer.dump()};
}

SinkAnswer looked(std::string_view path) {
  if (path == "/api/whoami-v2") {
    return {.body = R"({"type":"user","name":"me","fullname":"Me","orgs":[],)"
                    R"("auth":{"accessToken":{"displayName":"bench","role":"write"}}})"};
  }
  if (path.find("/tree/") != path.npos) return {.body = "[]"};
  std::string of_main = fmt::format("{}/revision/", path);
  Place place = place_of(of_main, "/revision/");
  if (!place.repo.empty()) {
    Json info{{"id", place.repo}, {"sha", commit_oid}, {"private", false}};
    info["siblings"] = Json::array();
    return {.body = info.dump()};
  }
  return {
      .status = 404, .body = R"({"error":"nothing is kept here"})", .error_code = "EntryNotFound"};
}

}  // namespace

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

std::string_view name_of(SinkCall call) {
  constexpr std::string_view names[] = {"content", "create", "preupload", "batch", "completion",
                                        "verify",  "commit", "look",      "other"};
  static_assert(std::size(names) == sink_call_count);
  return names[static_cast<std::size_t>(call)];
}

SinkCall call_of(std::string_view method, std::string_view target) {
  std::string_view path = path_of(target);
  if (method == "PUT") return SinkCall::content;
  if (method == "GET" || method == "HEAD") return SinkCall::look;
  if (path == "/api/repos/create") return SinkCall::create;
  if (!place_of(path, "/preupload/").repo.empty()) return SinkCall::preupload;
  if (!place_of(path, "/commit/").repo.empty()) return SinkCall::commit;
  if (path.ends_with(".git/info/lfs/objects/batch")) return SinkCall::batch;
  if (path.starts_with("/complete/")) return SinkCall::completion;
  if (path.starts_with("/verify/")) return SinkCall::verify;
  return SinkCall::other;
}

bool needs_body(SinkCall call) {
  return call == SinkCall::create || call == SinkCall::preupload || call == SinkCall::batch;
}

SinkAnswer answer_of(const SinkHub& hub, SinkCall call, std::string_view target,
                     std::string_view body) {
  if (call == SinkCall::content) return {};
  if (call == SinkCall::commit) return committed(hub, target);
  if (call == SinkCall::look) return looked(path_of(target));
  if (path_of(target) == "/api/validate-yaml") return {.body = R"({"errors":[],"warnings":[]})"};
  if (!needs_body(call)) return {.body = "{}"};
  try {
    Json wish = Json::parse(body);
    if (call == SinkCall::create) return created(hub, wish);
    if (call == SinkCall::preupload) return preuploaded(hub, wish);
    return negotiated(hub, wish);
  } catch (const Json::exception& error) {
    return {.status = 400, .body = Json{{"error", error.what()}}.dump(), .error_code = {}};
  }
}
