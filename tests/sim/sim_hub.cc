#include "tests/sim/sim_hub.h"

#include <algorithm>
#include <array>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include "engine/base64.h"
#include "io/digest/sha256.h"
#include "net/url.h"
#include "tools/hub/json.h"
#include "tools/hub/target.h"

namespace headrace {
namespace {

constexpr std::size_t call_size_max = 64 * 1024 * 1024;

double one_of(Prng& prng, std::initializer_list<double> values) {
  return values.begin()[prng.below(values.size())];
}

std::string content_of(hub::Answer& answer) {
  if (!answer.content) return answer.body;
  std::string bytes(answer.content_size, '\0');
  std::span<std::byte> left = std::as_writable_bytes(std::span(bytes));
  for (std::uint64_t offset = answer.content_offset; !left.empty();) {
    Result<std::size_t> count = answer.content->read(offset, left);
    if (!count || *count == 0) return "";
    offset += *count;
    left = left.subspan(*count);
  }
  return bytes;
}

bool is_completion(const hub::Call& call) {
  hub::Target target(call.target);
  return call.method == "POST" && target.segments.front() == "_lfs" && target.find("upload");
}

bool unknown(const std::variant<hub::Answer, std::unique_ptr<hub::Receiver>>& begun) {
  const hub::Answer* answer = std::get_if<hub::Answer>(&begun);
  return answer && answer->status == 404;
}

}  // namespace

SimHubKnobs SimHubKnobs::calm(Prng& prng) {
  SimHubKnobs knobs;
  // Below a block, beside its borders, and of several blocks.
  constexpr std::array<std::uint64_t, 4> sizes = {100'000, 131'072, 400'000, 800'000};
  knobs.part_size = sizes[prng.below(sizes.size())];
  knobs.multipart_threshold = prng.chance(0.5) ? 150'000 : 1'200'000;
  return knobs;
}

SimHubKnobs SimHubKnobs::swarm(Prng& prng) {
  SimHubKnobs knobs = calm(prng);
  knobs.fail_before = one_of(prng, {0, 0, 0.02, 0.15});
  knobs.fail_after = one_of(prng, {0, 0, 0, 0.02, 0.1});
  knobs.cut_answer = one_of(prng, {0, 0, 0, 0.02});
  knobs.slow_answer = one_of(prng, {0, 0, 0.05});
  knobs.new_uploads = one_of(prng, {0, 0, 1});
  knobs.lookup_failure = one_of(prng, {0, 0, 0, 0.2});
  constexpr std::array<std::int64_t, 4> lifetimes = {3600, 3600, 60, 3};
  knobs.url_lifetime_s = lifetimes[prng.below(lifetimes.size())];
  knobs.lost_tag = one_of(prng, {0, 0, 0, 0.02});
  knobs.sour_completion = one_of(prng, {0, 0, 0, 0.2});
  knobs.flipped_bit = one_of(prng, {0, 0, 0, 0.01});
  return knobs;
}

SimHub::SimHub(SimWorld& world, std::size_t worker, const SimHubKnobs& knobs)
    : world_(world),
      worker_(world.worker(worker)),
      knobs_(knobs),
      prng_(world.prng().fork()),
      store_(hub::make_memory_store()) {
  make_protocol();
  HttpServer::Options options;
  options.linger_limit = 2s;
  server_ = std::make_unique<HttpServer>(worker_, *this, options);
  Result<std::uint16_t> port = server_->listen("127.0.0.1", 0);
  CHECK(port);
  port_ = *port;
  scope_ = std::make_unique<Scope>(worker_);
  scope_->spawn(server_->serve(*scope_));
}

SimHub::~SimHub() = default;

void SimHub::make_protocol() {
  hub::ProtocolOptions options;
  options.multipart_threshold = knobs_.multipart_threshold;
  options.part_size = knobs_.part_size;
  options.url_lifetime_s = knobs_.url_lifetime_s;
  options.secret = "of the simulation";
  options.now = [this] { return world_.wall_seconds(); };
  options.random = [this] { return ++random_ * 0x9e3779b97f4a7c15; };
  protocols_.push_back(std::make_unique<hub::Protocol>(*store_, std::move(options)));
}

void SimHub::set_knobs(const SimHubKnobs& knobs) {
  knobs_ = knobs;
  make_protocol();
}

void SimHub::stop() { scope_->cancel(); }

ServerReply SimHub::error_reply() {
  constexpr std::array<int, 5> statuses = {429, 500, 502, 503, 504};
  ServerReply reply;
  reply.status = statuses[prng_.below(statuses.size())];
  reply.body = "the simulation says no";
  if (chance(0.3)) reply.headers.set("retry-after", std::to_string(prng_.between(0, 20)));
  ++faults_;
  return reply;
}

ServerReply SimHub::sour_reply() {
  ServerReply reply;
  reply.status = 200;
  reply.headers.set("content-type", "application/json");
  reply.body = R"({"error": "the simulation says no, and 200"})";
  ++faults_;
  return reply;
}

Task<ServerReply> SimHub::handle(Scope& scope, const ServerRequest& request, RequestBody& body) {
  if (chance(knobs_.fail_before)) co_return error_reply();
  if (chance(knobs_.slow_answer)) {
    Duration most = knobs_.slow_max;
    bool slept = co_await scope.worker().sleep(
        scope, Duration(prng_.between(0, static_cast<std::uint64_t>(most.count()))));
    if (!slept) co_return error_reply();
  }
  hub::Call call{.method = request.method,
                 .target = request.target,
                 .headers = request.headers,
                 .body = {},
                 .origin = endpoint()};
  if (is_completion(call) && chance(knobs_.sour_completion)) co_return sour_reply();
  std::optional<hub::Answer> found = co_await answer(scope, call, body);
  bool made =
      found && (found->status == 200 || found->status == 409) && call.target == "/api/repos/create";
  if (made && on_repo_) std::exchange(on_repo_, nullptr)();
  ServerReply reply;
  if (!found) {
    reply.cut_after = 0;  // the body broke off
    co_return reply;
  }
  if (chance(knobs_.fail_after)) co_return error_reply();
  reply.status = found->status;
  reply.headers = found->headers;
  reply.body = content_of(*found);
  if (call.method == "PUT" && chance(knobs_.lost_tag)) {
    reply.headers.remove("etag");
    ++faults_;
  }
  if (chance(knobs_.cut_answer)) {
    ++faults_;
    reply.cut_after = prng_.below(200);
  }
  co_return reply;
}

Task<std::optional<hub::Answer>> SimHub::answer(Scope& scope, const hub::Call& call,
                                                RequestBody& body) {
  if (hub::Protocol::is_transfer(call.method, call.target)) {
    std::optional<hub::Answer> received = co_await receive(scope, call, body);
    co_return received;
  }
  Result<std::string> text = co_await body.read_all(scope, call_size_max);
  if (!text) co_return std::nullopt;
  hub::Call whole = call;
  whole.body = std::move(*text);
  hub::Target target(call.target);
  bool batch = call.target.ends_with("/info/lfs/objects/batch");
  if (batch && chance(knobs_.new_uploads)) {
    Result<std::vector<hub::UploadRecord>> uploads = store_->uploads();
    for (const hub::UploadRecord& upload : *uploads) {
      Status removed = store_->remove_upload(upload.id);
      CHECK(removed);
    }
    make_protocol();
  }
  if (auto upload = target.find("upload"); upload && call.method == "POST") {
    check_completion({.oid = target.segments.back(), .upload = std::string(*upload)}, whole.body);
  }
  hub::Answer answer = protocols_.back()->handle(whole);
  bool transfer = target.segments.front() == "_lfs";
  for (std::size_t i = protocols_.size() - 1; i > 0 && transfer && answer.status == 404; --i) {
    answer = protocols_[i - 1]->handle(whole);
  }
  co_return answer;
}

Task<std::optional<hub::Answer>> SimHub::receive(Scope& scope, const hub::Call& call,
                                                 RequestBody& body) {
  // An upload of before the last negotiation is known to the protocol that made it.
  auto begun = protocols_.back()->receive(call);
  for (std::size_t i = protocols_.size() - 1; i > 0 && unknown(begun); --i) {
    begun = protocols_[i - 1]->receive(call);
  }
  if (hub::Answer* refused = std::get_if<hub::Answer>(&begun)) co_return std::move(*refused);
  hub::Receiver& receiver = *std::get<std::unique_ptr<hub::Receiver>>(begun);
  std::uint64_t size = 0;
  bool flips = chance(knobs_.flipped_bit);
  if (flips) {
    renegotiated_ = true;
    ++faults_;
  }
  while (true) {
    Result<std::span<const std::byte>> piece = co_await body.next(scope);
    if (!piece) co_return std::nullopt;
    if (piece->empty()) break;
    size += piece->size();
    std::vector<std::byte> bytes(piece->begin(), piece->end());
    if (std::exchange(flips, false)) bytes.front() ^= std::byte{1};
    if (Status written = receiver.write(bytes); !written) break;
  }
  hub::Answer answer = receiver.finish();
  hub::Target target(call.target);
  if (target.segments.front() == "_lfs" && answer.status == 200) {
    Transfer transfer{.oid = target.segments.back(),
                      .upload = std::string(target.find("upload").value_or(""))};
    std::string part(target.find("part").value_or("0"));
    transfer.part = static_cast<std::uint64_t>(std::atoll(part.c_str()));
    record_put(transfer, answer, size);
  }
  co_return answer;
}

void SimHub::record_put(const Transfer& transfer, const hub::Answer& answer, std::uint64_t size) {
  std::string name = transfer.upload.empty() ? transfer.oid : transfer.upload;
  confirmed_[{name, transfer.part}] = {std::string(answer.headers.value_or("ETag", "")), size};
  if (transfer.upload.empty()) return;
  std::string& last = upload_of_[transfer.oid];
  if (!last.empty() && last != transfer.upload) renegotiated_ = true;
  last = transfer.upload;
}

void SimHub::check_completion(const Transfer& transfer, std::string_view body) {
  hub::Json json = hub::parse_json(body);
  const hub::Json* parts = hub::member(json, "parts");
  if (!parts || !parts->is_array()) return world_.violation("a completion without parts");
  for (const hub::Json& part : *parts) {
    std::uint64_t number = hub::number_member(part, "partNumber").value_or(0);
    auto found = confirmed_.find({transfer.upload, number});
    if (found == confirmed_.end()) {
      world_.violation(
          fmt::format("a completion names part {}, which its upload never received", number));
    } else if (found->second.etag != hub::text_member(part, "etag")) {
      world_.violation(fmt::format("a completion names part {} by another ETag", number));
    }
  }
}

std::uint64_t SimHub::bytes_confirmed() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, confirmed] : confirmed_) bytes += confirmed.size;
  return bytes;
}

hub::Answer SimHub::ask(const std::string& method, const std::string& target, std::string body) {
  hub::Call call{.method = method,
                 .target = target,
                 .headers = {},
                 .body = std::move(body),
                 .origin = endpoint()};
  call.headers.set("Authorization", "Bearer hf_simulated");
  return protocols_.back()->handle(call);
}

void SimHub::make_repo(const std::string& name, const std::map<std::string, std::string>& texts) {
  hub::Answer made = ask("POST", "/api/repos/create", hub::Json({{"name", name}}).dump());
  CHECK(made.status == 200);
  std::string lines =
      hub::Json({{"key", "header"}, {"value", {{"summary", "before"}, {"description", ""}}}})
          .dump();
  for (const auto& [path, text] : texts) {
    hub::Json value = {{"path", path}, {"content", base64_encode(text)}, {"encoding", "base64"}};
    lines += "\n" + hub::Json({{"key", "file"}, {"value", std::move(value)}}).dump();
  }
  hub::Answer landed = ask("POST", fmt::format("/api/models/me/{}/commit/main", name), lines);
  CHECK(landed.status == 200);
}

void SimHub::check_pull_requests(const std::string& repo) {
  for (int number = 1; !files(repo, fmt::format("refs/pr/{}", number)).empty(); ++number) {
  }
}

std::map<std::string, std::string> SimHub::files(const std::string& repo,
                                                 const std::string& revision) {
  std::map<std::string, std::string> found;
  std::string at = percent_encode(revision);
  hub::Answer tree = ask(fmt::format("/api/models/{}/tree/{}?recursive=true", repo, at));
  if (tree.status == 404) return found;
  hub::Json entries = hub::parse_json(tree.body);
  if (tree.status != 200 || !entries.is_array()) {
    world_.violation(fmt::format("the tree was answered with {}", tree.status));
    return found;
  }
  for (const hub::Json& entry : entries) {
    if (hub::text_member(entry, "type") != "file") continue;
    std::string path = hub::text_member(entry, "path").value_or("");
    hub::Answer file = ask(fmt::format("/{}/resolve/{}/{}", repo, at, path));
    if (file.status != 200) {
      world_.violation(fmt::format("a commit names {}, which is not stored", path));
      continue;
    }
    std::string bytes = content_of(file);
    if (const hub::Json* lfs = hub::member(entry, "lfs")) {
      check_content(path, hub::text_member(*lfs, "oid").value_or(""), bytes);
    }
    found[path] = std::move(bytes);
  }
  return found;
}

void SimHub::check_content(const std::string& path, const std::string& oid,
                           const std::string& bytes) {
  if (sha256_of(bytes).hex() == oid) return;
  world_.violation(fmt::format("{} is stored with other bytes than its oid says", path));
}

Task<Result<std::vector<SocketAddress>>> SimResolver::resolve(Scope& scope, std::string host,
                                                              std::uint16_t port) {
  std::optional<bool> looked = co_await blocking(scope, [] { return true; });
  if (!looked) co_return fail(make_error(ErrorClass::cancelled, "cancelled", "told to stop"));
  Prng& prng = scope.worker().prng();
  if (host != "hub.sim") {
    co_return fail(
        make_error(ErrorClass::fail, "name_not_found", "there is no such name").at("resolve"));
  }
  if (hub_.knobs().lookup_failure > 0 && prng.chance(hub_.knobs().lookup_failure)) {
    co_return fail(
        make_error(ErrorClass::retry, "name_lookup_failed", "nobody knows just now").at("resolve"));
  }
  SocketAddress v6;
  auto& in6 = reinterpret_cast<sockaddr_in6&>(v6.storage);
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  in6.sin6_addr = in6addr_loopback;
  v6.size = sizeof in6;
  SocketAddress v4;
  auto& in4 = reinterpret_cast<sockaddr_in&>(v4.storage);
  in4.sin_family = AF_INET;
  in4.sin_port = htons(port);
  in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  v4.size = sizeof in4;
  co_return std::vector<SocketAddress>{v6, v4};
}

}  // namespace headrace
