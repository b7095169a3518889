#include "tools/hub/s3_objects.h"

#include <algorithm>

#include <fmt/format.h>

#include "io/call_on.h"
#include "net/url.h"
#include "tools/hub/encoding.h"

namespace headrace::hub {
namespace {

// Half of what an answer may hold. Smaller costs a request's time more often.
constexpr std::uint64_t read_size_bytes = 8ULL << 20;

}  // namespace

S3Objects::S3Objects(const S3Account& account, Place place, std::unique_ptr<Runtime> runtime,
                     const NetworkOptions& network)
    : place_(std::move(place)),
      access_(account.settings, account.credentials),
      runtime_(std::move(runtime)),
      http_(runtime_->worker(0), resolver_, HttpClient::Options{.network = network}) {}

Result<std::unique_ptr<S3Objects>> S3Objects::open(const S3Account& account, Place place,
                                                   const NetworkOptions& network) {
  Result<std::unique_ptr<Runtime>> runtime = Runtime::start(1, 0);
  if (!runtime) return fail(std::move(runtime.error()));
  std::unique_ptr<S3Objects> objects(
      new S3Objects(account, std::move(place), std::move(*runtime), network));
  const std::string& bucket = objects->place_.bucket;
  Status there = objects->call<Status>(
      [&bucket](Scope& scope, S3Client& client) { return client.look_at_bucket(scope, bucket); });
  if (!there) return fail(std::move(there.error()));
  return objects;
}

S3Objects::~S3Objects() {
  (void)call<Status>([this](Scope& scope, S3Client&) -> Task<Status> {
    co_await http_.close_idle(scope);
    co_return Status();
  });
  runtime_->stop();
}

template <class Value>
Value S3Objects::call(const Function<Value>& function) {
  std::function<Task<Value>(Scope&)> called = [this, &function](Scope& scope) -> Task<Value> {
    S3Client client(http_, access_);
    Value value = co_await function(scope, client);
    co_return value;
  };
  return call_on(runtime_->worker(0), called);
}

S3Place S3Objects::place_of(const std::string& key) const {
  std::string_view between = place_.prefix.empty() ? "" : "/";
  return {.bucket = place_.bucket, .key = fmt::format("{}{}{}", place_.prefix, between, key)};
}

Status S3Objects::ready() {
  return call<Status>([this](Scope& scope, S3Client&) { return access_.ready(scope, http_); });
}

Result<std::string> S3Objects::signed_url(std::string_view method, const S3Place& place,
                                          std::string_view query, std::int64_t lifetime_s) {
  Result<Url> target = access_.url(place.bucket, place.key, query);
  if (!target) return fail(std::move(target.error()));
  std::int64_t now = runtime_->worker(0).backend().wall_seconds();
  return access_.presigned(method, *target, now, lifetime_s);
}

Result<std::string> S3Objects::url(std::string_view method, const std::string& key,
                                   std::int64_t lifetime_s) {
  if (Status status = ready(); !status) return fail(std::move(status.error()));
  return signed_url(method, place_of(key), "", lifetime_s);
}

Result<std::vector<std::string>> S3Objects::part_urls(const std::string& key,
                                                      const std::string& upload,
                                                      std::uint64_t count,
                                                      std::int64_t lifetime_s) {
  if (Status status = ready(); !status) return fail(std::move(status.error()));
  const S3Place place = place_of(key);
  const std::string id = headrace::percent_encode(upload);
  std::vector<std::string> urls;
  urls.reserve(count);
  for (std::uint64_t number = 1; number <= count; ++number) {
    Result<std::string> url =
        signed_url("PUT", place, fmt::format("partNumber={}&uploadId={}", number, id), lifetime_s);
    if (!url) return fail(std::move(url.error()));
    urls.push_back(std::move(*url));
  }
  return urls;
}

Result<std::string> S3Objects::begin(const std::string& key) {
  S3Place place = place_of(key);
  return call<Result<std::string>>([&place](Scope& scope, S3Client& client) {
    return client.create_upload(scope, place, Headers());
  });
}

Status S3Objects::complete(const std::string& key, const std::string& upload,
                           std::span<const std::string> etags) {
  std::vector<S3Part> parts;
  for (const std::string& etag : etags) {
    parts.push_back({.number = static_cast<std::uint32_t>(parts.size() + 1), .etag = etag});
  }
  S3Place place = place_of(key);
  std::string body = complete_body(parts, S3ChecksumKind::crc64nvme, {.parts_listed = false});
  return call<Status>([&](Scope& scope, S3Client& client) -> Task<Status> {
    Result<S3Completed> done = co_await client.complete(scope, place, upload, body, Headers());
    if (!done) co_return fail(std::move(done.error()));
    co_return Status();
  });
}

Status S3Objects::abort(const std::string& key, const std::string& upload) {
  S3Place place = place_of(key);
  return call<Status>(
      [&](Scope& scope, S3Client& client) { return client.abort(scope, place, upload); });
}

Result<RemoteContent> S3Objects::read(const std::string& key) {
  S3Place place = place_of(key);
  Result<S3Head> head =
      call<Result<S3Head>>([&place](Scope& scope, S3Client& client) -> Task<Result<S3Head>> {
        Result<std::optional<S3Head>> found = co_await client.head(scope, place, false);
        if (!found) co_return fail(std::move(found.error()));
        if (*found) co_return std::move(**found);
        co_return fail(
            make_error(ErrorClass::fail, "no_such_key", "the object is not there").at("head"));
      });
  if (!head) return fail(std::move(head.error()));
  RemoteContent content{.size = head->size, .sha256 = {}, .etag = std::move(head->etag)};
  Status hashed = hash(key, content);
  if (!hashed) return fail(std::move(hashed.error()));
  return content;
}

Status S3Objects::hash(const std::string& key, RemoteContent& content) {
  S3Place place = place_of(key);
  Digest digest(Digest::Kind::sha256);
  for (std::uint64_t offset = 0; offset < content.size; offset += read_size_bytes) {
    S3Client::Piece piece{.offset = offset,
                          .size = std::min(read_size_bytes, content.size - offset),
                          .etag = content.etag};
    Result<std::string> bytes = call<Result<std::string>>(
        [&](Scope& scope, S3Client& client) { return client.read(scope, place, piece); });
    if (!bytes) return fail(std::move(bytes.error()));
    digest.update(*bytes);
  }
  content.sha256 = digest.finish_hex();
  return {};
}

Status S3Objects::copy(const std::string& from, const std::string& etag, const std::string& to) {
  S3Place source = place_of(from), target = place_of(to);
  return call<Status>(
      [&](Scope& scope, S3Client& client) { return client.copy(scope, source, etag, target); });
}

Status S3Objects::remove(const std::string& key) {
  S3Place place = place_of(key);
  return call<Status>([&](Scope& scope, S3Client& client) { return client.remove(scope, place); });
}

}  // namespace headrace::hub
