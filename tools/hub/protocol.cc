#include "tools/hub/protocol.h"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "tools/hub/encoding.h"
#include "tools/hub/json.h"
#include "tools/hub/protocol_request.h"
#include "tools/hub/yaml_check.h"

namespace headrace::hub {
namespace {

// Puts the request's id on whatever the Receiver answers.
class TaggedReceiver final : public Receiver {
 public:
  TaggedReceiver(std::unique_ptr<Receiver> inner, std::string id)
      : inner_(std::move(inner)), id_(std::move(id)) {}
  Status write(std::span<const std::byte> bytes) override { return inner_->write(bytes); }
  Answer finish() override {
    Answer answer = inner_->finish();
    answer.headers.set("X-Request-Id", id_);
    return answer;
  }

 private:
  std::unique_ptr<Receiver> inner_;
  std::string id_;
};

// The secret of "Bearer T" or of "Basic base64(user:T)"; git and old clients send the latter.
std::string token_of(const Headers& headers) {
  std::string_view value = headers.value_or("Authorization", "");
  std::string_view scheme = value.substr(0, value.find(' '));
  std::string_view rest = value.substr(std::min(scheme.size() + 1, value.size()));
  if (same_name(scheme, "Bearer")) return std::string(rest);
  if (!same_name(scheme, "Basic")) return "";
  std::string plain = base64_decode(rest).value_or("");
  std::size_t colon = plain.find(':');
  return colon == std::string::npos ? "" : plain.substr(colon + 1);
}

constexpr std::string_view transfer_segment = "_lfs";

bool is_lfs_path(const Target& target, std::size_t name_at) {
  return target.segments.size() == name_at + 5 && target.segments[name_at + 1] == "info" &&
         target.segments[name_at + 2] == "lfs" && target.segments[name_at + 3] == "objects";
}

}  // namespace

// A verb of /api/{type}s/{namespace}/{name}/{verb}/…
struct Protocol::Route {
  std::string_view method;
  std::string_view verb;
  bool writes;
  Handler handler;
};

const std::vector<Protocol::Route>& Protocol::routes() {
  static const std::vector<Route> table = {
      {"GET", "", false, &Protocol::repo_info},
      {"GET", "revision", false, &Protocol::repo_info},
      {"GET", "auth-check", false, &Protocol::auth_check},
      {"POST", "preupload", true, &Protocol::preupload},
      {"GET", "tree", false, &Protocol::list_tree},
      {"POST", "paths-info", false, &Protocol::paths_info},
      {"GET", "refs", false, &Protocol::list_refs},
      {"GET", "commits", false, &Protocol::list_commits},
      {"POST", "branch", true, &Protocol::create_branch},
      {"DELETE", "branch", true, &Protocol::delete_branch},
      {"POST", "tag", true, &Protocol::create_tag},
      {"DELETE", "tag", true, &Protocol::delete_tag},
      {"GET", "discussions", false, &Protocol::list_discussions},
      {"POST", "discussions", true, &Protocol::create_discussion},
  };
  return table;
}

Protocol::Protocol(Store& store, ProtocolOptions options)
    : store_(store),
      options_([&options] {
        if (!options.random) {
          options.random = [device = std::make_shared<std::random_device>()] {
            return (std::uint64_t{(*device)()} << 32) | (*device)();
          };
        }
        if (!options.now) options.now = [] { return static_cast<std::int64_t>(::time(nullptr)); };
        return std::move(options);
      }()),
      uploads_(store),
      remote_(options_.objects ? std::make_unique<RemoteLfs>(store, *options_.objects) : nullptr) {}

std::string Protocol::fresh_id() {
  std::uint64_t high = options_.random(), low = options_.random();
  return fmt::format("{:016x}{:016x}", high, low);
}

bool Protocol::is_transfer(std::string_view method, std::string_view target) {
  Target parsed(target);
  const auto& segments = parsed.segments;
  if (segments.empty()) return false;
  if (method == "PUT") return segments[0] == transfer_segment;
  return method == "POST" && segments.size() > 5 && segments[0] == "api" && segments[4] == "commit";
}

Answer Protocol::handle(const Call& call) {
  if (is_transfer(call.method, call.target)) {
    auto received = receive(call);
    if (auto* answer = std::get_if<Answer>(&received)) return std::move(*answer);
    auto& receiver = std::get<std::unique_ptr<Receiver>>(received);
    // What write() has against the body, finish() says.
    (void)receiver->write(std::as_bytes(std::span(call.body)));
    return receiver->finish();
  }
  Answer answer = dispatch(call);
  answer.headers.set("X-Request-Id", fresh_id());
  return answer;
}

Protocol::Received Protocol::receive(const Call& head) {
  Received received = receive_untagged(head);
  if (auto* answer = std::get_if<Answer>(&received)) {
    answer->headers.set("X-Request-Id", fresh_id());
    return received;
  }
  return std::make_unique<TaggedReceiver>(std::move(std::get<std::unique_ptr<Receiver>>(received)),
                                          fresh_id());
}

Protocol::Received Protocol::receive_untagged(const Call& head) {
  Request request(head);
  const auto& segments = request.target.segments;
  if (head.method == "PUT") return receive_transfer(request);
  request.repo = {std::string(type_of_segment(segments[1])), segments[2] + "/" + segments[3]};
  request.args.assign(segments.begin() + 5, segments.end());
  if (auto known = authenticate(request, true); !known) return std::move(known.error());
  if (auto opened = open_repo(request); !opened) return std::move(opened.error());
  return receive_commit(request);
}

Answer Protocol::dispatch(const Call& call) {
  Request request(call);
  const auto& segments = request.target.segments;
  if (segments.empty()) return json_answer(200, R"({"name":"headrace hub"})");
  if (segments[0] == transfer_segment) return transfer(request);
  std::string_view method = call.method;

  if (segments[0] != "api") {
    std::size_t first = type_of_segment(segments[0]).empty() || segments[0] == "models" ? 0 : 1;
    request.repo.type = first == 0 ? "model" : type_of_segment(segments[0]);
    if (segments.size() < first + 3) return error_answer(404, "there is no such page");
    std::string name = segments[first] + "/" + segments[first + 1];
    bool lfs = is_lfs_path(request.target, first + 1) && name.ends_with(".git");
    if (lfs) name.resize(name.size() - 4);
    request.repo.name = name;
    bool file = segments[first + 2] == "resolve" && segments.size() > first + 4;
    if (!lfs && !file) return error_answer(404, "this hub shows no pages, it only keeps files");
    if (auto known = authenticate(request, false); !known) return std::move(known.error());
    if (auto opened = open_repo(request); !opened) return std::move(opened.error());
    request.args.assign(segments.begin() + static_cast<std::ptrdiff_t>(first) + 3, segments.end());
    if (file) {
      if (method != "GET" && method != "HEAD") return error_answer(405, "GET or HEAD only");
      return resolve_file(request);
    }
    if (method == "POST" && segments.back() == "batch") return lfs_batch(request);
    return error_answer(404, "of LFS this hub offers the batch call only");
  }

  if (segments.size() == 2 && segments[1] == "whoami-v2") return whoami(request);
  if (segments.size() == 2 && segments[1] == "agent-harnesses") return json_answer(200, "{}");
  if (segments.size() == 2 && segments[1] == "validate-yaml") return validate(request);
  if (segments.size() == 3 && segments[1] == "repos") {
    if (auto known = authenticate(request, true); !known) return std::move(known.error());
    if (method == "POST" && segments[2] == "create") return create_repo(request);
    if (method == "DELETE" && segments[2] == "delete") return delete_repo(request);
  }
  if (segments.size() < 4 || type_of_segment(segments[1]).empty()) {
    return error_answer(404, "this hub has no such endpoint",
                        segments.size() == 3 ? "RepoNotFound" : "");
  }
  request.repo = {std::string(type_of_segment(segments[1])), segments[2] + "/" + segments[3]};
  std::string_view verb = segments.size() > 4 ? std::string_view(segments[4]) : "";
  if (segments.size() > 5) request.args.assign(segments.begin() + 5, segments.end());
  if (verb.starts_with("xet-") && verb.ends_with("-token")) {
    return error_answer(404, "this hub has no Xet storage: set HF_HUB_DISABLE_XET=1 to upload");
  }
  for (const Route& route : routes()) {
    if (route.method != method || route.verb != verb) continue;
    if (auto known = authenticate(request, route.writes); !known) return std::move(known.error());
    if (auto opened = open_repo(request); !opened) return std::move(opened.error());
    return (this->*route.handler)(request);
  }
  return error_answer(404, fmt::format("this hub does not offer {} {}", method, verb));
}

Protocol::Outcome<void> Protocol::authenticate(Request& request, bool writes) const {
  std::string secret = token_of(request.call.headers);
  if (!secret.empty()) {
    bool known = options_.tokens.empty();
    request.may_write = known;
    for (const Token& token : options_.tokens) {
      if (!equal_secret(token.secret, secret)) continue;
      known = true;
      request.may_write = token.may_write;
    }
    if (!known) return refuse(401, "Invalid credentials in Authorization header");
    request.user = options_.user;
  }
  if (!writes) return {};
  if (request.user.empty()) {
    auto refused = refuse(401, "a token is needed for this: none came with the request");
    refused.error().headers.set("WWW-Authenticate", "Basic realm=\"headrace hub\"");
    refused.error().headers.set("LFS-Authenticate", "Basic realm=\"headrace hub\"");
    return refused;
  }
  if (!request.may_write) return refuse(403, "this token may only read; a write token is needed");
  return {};
}

Protocol::Outcome<void> Protocol::open_repo(Request& request) {
  auto record = store_.document(request.repo, "record");
  if (!record && !is_code(record.error(), "store_not_found")) {
    return std::unexpected(failure_answer(record.error()));
  }
  // A private repository does not exist for whoever shows no token.
  bool hidden = record && request.user.empty() && flag_member(parse_json(*record), "private");
  if (!record || hidden) {
    return refuse(request.user.empty() ? 401 : 404, "Repository not found", "RepoNotFound");
  }
  request.record = std::move(*record);
  return {};
}

Answer Protocol::whoami(Request& request) {
  if (auto known = authenticate(request, false); !known) return std::move(known.error());
  if (request.user.empty()) return error_answer(401, "Invalid username or password.");
  Json token = {{"displayName", "token"}, {"role", request.may_write ? "write" : "read"}};
  Json body = {{"type", "user"},
               {"id", request.user},
               {"name", request.user},
               {"fullname", request.user},
               {"email", request.user + "@headrace.invalid"},
               {"orgs", Json::array()},
               {"auth", {{"type", "access_token"}, {"accessToken", std::move(token)}}}};
  return json_answer(200, dump_json(body));
}

Answer Protocol::validate(Request& request) {
  auto content = text_member(parse_json(request.call.body), "content");
  if (!content) return error_answer(400, "the body must be JSON with the member 'content'");
  Json errors = Json::array();
  for (std::string& problem : check_front_matter(*content)) {
    errors.push_back({{"message", std::move(problem)}});
  }
  int status = errors.empty() ? 200 : 400;
  return json_answer(status, dump_json({{"errors", errors}, {"warnings", Json::array()}}));
}

}  // namespace headrace::hub
