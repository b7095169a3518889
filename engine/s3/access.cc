#include "engine/s3/access.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include <fmt/format.h>

#include "engine/s3/keys.h"
#include "io/worker.h"
#include "net/address.h"
#include "net/http_head.h"

namespace headrace {
namespace {

// Stores refuse a signature that is a quarter of an hour off.
constexpr std::int64_t clock_slack_s = 300;
// Keys that end within this time are replaced before they are used.
constexpr std::int64_t keys_left_min_s = 300;

bool is_host_label(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// Letters beyond a host's are taken from stores that are not AWS's.
Status check_bucket(std::string_view bucket) {
  bool good = !bucket.empty() && bucket.size() <= 255 && bucket != "." && bucket != ".." &&
              std::ranges::all_of(bucket, [](unsigned char c) {
                return std::isalnum(c) || c == '-' || c == '.' || c == '_' || c == ':';
              });
  if (good) return {};
  return fail(make_error(ErrorClass::fail, "bad_bucket",
                         fmt::format("'{}' is not the name of a bucket", bucket))
                  .at("arguments")
                  .hinting("write the target as s3://BUCKET/KEY"));
}

bool is_loopback(const Url& url) {
  return url.host == "localhost" || url.host.ends_with(".localhost") || url.host == "::1" ||
         (url.host.starts_with("127.") && numeric_address(url.host, url.port));
}

}  // namespace

S3Access::S3Access(S3Settings settings, CredentialSource source)
    : settings_(std::move(settings)),
      credential_source_(std::move(source)),
      region_(settings_.region) {}

std::string S3Access::host_of(std::string_view bucket, bool in_host) const {
  std::string_view domain = aws_domain(region_);
  std::string name;
  if (settings_.accelerate && in_host) {
    name = fmt::format("s3-accelerate{}.{}", settings_.dualstack ? ".dualstack" : "", domain);
  } else if (region_ == "us-east-1" && !settings_.fips && !settings_.dualstack) {
    // The region that was there before regions had names, as AWS's own clients write it.
    name = fmt::format("s3.{}", domain);
  } else {
    name = fmt::format("s3{}{}.{}.{}", settings_.fips ? "-fips" : "",
                       settings_.dualstack ? ".dualstack" : "", region_, domain);
  }
  return in_host ? fmt::format("https://{}.{}", bucket, name) : "https://" + name;
}

Result<Url> S3Access::url(std::string_view bucket, std::string_view key,
                          std::string_view query) const {
  if (Status good = check_bucket(bucket); !good) return fail(std::move(good.error()));
  std::string text;
  bool in_host = settings_.addressing == S3Addressing::virtual_host;
  if (settings_.endpoint_url.empty()) {
    // A dot in the name would not fit the certificate of AWS's hosts.
    if (settings_.addressing == S3Addressing::automatic) in_host = is_host_label(bucket);
    std::lock_guard lock(mutex_);
    text = host_of(bucket, in_host);
  } else {
    text = settings_.endpoint_url;
    if (in_host) text.insert(text.find("://") + 3, std::string(bucket) + ".");
  }
  if (!in_host) text += "/" + percent_encode(bucket);
  text += "/" + percent_encode(key, "/");
  if (key.empty() && !in_host) text.pop_back();
  if (!query.empty()) text += "?" + std::string(query);
  return Url::parse(text);
}

bool S3Access::payload_unsigned(const Url& url) const {
  return !settings_.sign_payload.value_or(!url.secure() && !is_loopback(url));
}

void S3Access::sign(std::string_view method, const Url& url, std::string_view payload,
                    std::int64_t now, Headers& headers) const {
  std::lock_guard lock(mutex_);
  Signing signing{.credentials = credentials_, .region = region_, .now = now + clock_ahead_s_};
  sign_headers(signing, method, url, payload, headers);
}

std::string S3Access::presigned(std::string_view method, const Url& url, std::int64_t now,
                                std::int64_t lifetime_s) const {
  std::lock_guard lock(mutex_);
  Signing signing{.credentials = credentials_, .region = region_, .now = now + clock_ahead_s_};
  return presigned_url(signing, method, url, {}, lifetime_s);
}

bool S3Access::learn_clock(const HttpAnswer& answer, std::int64_t now) {
  std::optional<std::int64_t> theirs = parse_http_date(answer.headers.value_or("date", ""));
  if (!theirs) return false;
  std::lock_guard lock(mutex_);
  std::int64_t ahead = *theirs - now;
  if (std::abs(ahead - clock_ahead_s_) <= clock_slack_s) return false;
  clock_ahead_s_ = ahead;
  news_.push_back(fmt::format(
      "this machine's clock is {} min {} the store's; requests are signed by the store's time",
      (std::abs(ahead) + 30) / 60, ahead > 0 ? "behind" : "ahead of"));
  return true;
}

bool S3Access::learn_region(std::string_view region) {
  bool label = !region.empty() && region.size() <= 63 && std::ranges::all_of(region, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  std::lock_guard lock(mutex_);
  if (!label || region_ == region) return false;
  news_.push_back(fmt::format("the bucket lies in region {}, not {} (by {})", region, region_,
                              settings_.region_source));
  region_ = region;
  return true;
}

std::vector<std::string> S3Access::take_news() {
  std::lock_guard lock(mutex_);
  return std::exchange(news_, {});
}

Task<Status> S3Access::ready(Scope& scope, HttpClient& client) {
  std::int64_t now = scope.worker().backend().wall_seconds();
  {
    std::lock_guard lock(mutex_);
    bool lasts = credentials_.expires_at == 0 || credentials_.expires_at - now > keys_left_min_s;
    if (has_keys_ && lasts) co_return Status();
  }
  KeyFetch fetch{.client = client, .settings = settings_};
  Result<S3Credentials> keys = co_await fetch.run(scope, credential_source_);
  if (!keys) co_return fail(std::move(keys.error()));
  std::lock_guard lock(mutex_);
  credentials_ = std::move(*keys);
  has_keys_ = true;
  co_return Status();
}

void S3Access::keys_expired() {
  std::lock_guard lock(mutex_);
  has_keys_ = false;
}

std::string S3Access::region() const {
  std::lock_guard lock(mutex_);
  return region_;
}

}  // namespace headrace
