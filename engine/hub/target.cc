#include "engine/hub/target.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include <fmt/format.h>

#include "engine/signed_url.h"

namespace headrace {
namespace {

// The value of a query parameter, by its exact name.
std::string_view parameter(std::string_view url, std::string_view name) {
  std::size_t query = url.find('?');
  if (query == std::string_view::npos) return {};
  std::string_view rest = url.substr(query + 1);
  while (!rest.empty()) {
    std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) == name && equals != std::string_view::npos)
      return pair.substr(equals + 1);
  }
  return {};
}

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

std::int64_t parse_time(const std::string& text, const char* format) {
  std::tm when{};
  const char* end = strptime(text.c_str(), format, &when);
  return end ? timegm(&when) : 0;
}

// The earliest end that the answer or a signed URL states, 0 if neither does.
std::int64_t end_of(const LfsAnswer& answer, std::int64_t now) {
  std::int64_t end = 0;
  auto consider = [&end](std::int64_t at) {
    if (at > 0 && (end == 0 || at < end)) end = at;
  };
  if (answer.expires_in_s && *answer.expires_in_s > 0) consider(now + *answer.expires_in_s);
  if (!answer.expires_at.empty()) consider(parse_time(answer.expires_at, "%Y-%m-%dT%H:%M:%S"));
  const std::string& url = answer.part_urls.empty() ? answer.href : answer.part_urls.front();
  std::int64_t signed_at = parse_time(std::string(parameter(url, "X-Amz-Date")), "%Y%m%dT%H%M%SZ");
  std::int64_t lifetime = number(parameter(url, "X-Amz-Expires"));
  if (signed_at > 0 && lifetime > 0) consider(signed_at + lifetime);
  consider(number(parameter(url, "Expires")));
  return end;
}

std::string name_of_upload(const LfsAnswer& answer) {
  std::string name = redact_url(answer.href);
  for (std::string_view key : {"uploadId", "upload_id", "upload"}) {
    std::string_view value = parameter(answer.href, key);
    if (!value.empty()) return name + "?" + std::string(value);
  }
  return name;
}

}  // namespace

HubTarget::HubTarget(LfsAnswer answer, std::uint64_t size, std::shared_ptr<const HubAccess> access,
                     std::int64_t now)
    : access_(std::move(access)), answer_(std::move(answer)), size_(size) {
  const std::string& endpoint = access_->endpoint;
  answer_.href = on_endpoint(answer_.href, endpoint);
  if (answer_.verify) answer_.verify->href = on_endpoint(answer_.verify->href, endpoint);
  if (multipart()) upload_name_ = name_of_upload(answer_);
  expires_at_ = end_of(answer_, now);
}

std::uint32_t HubTarget::part_count() const {
  return multipart() ? static_cast<std::uint32_t>(answer_.part_urls.size()) : 1;
}

PartRange HubTarget::range(std::uint32_t index) const {
  if (!multipart()) return {.number = 1, .offset = 0, .size = size_};
  return part_range(size_, answer_.chunk_size, index + 1);
}

// Content that was to go over TLS is not sent in the clear because an answer says so.
Status HubTarget::check_way(std::string_view url) const {
  bool secure = access_->endpoint.starts_with("https://");
  if (!secure || url.starts_with("https://")) return {};
  Error error = make_error(ErrorClass::fail, "insecure_url",
                           fmt::format("the Hub is spoken to over https, and wants content sent to "
                                       "{}",
                                       redact_url(url)));
  if (Result<Url> known = Url::parse(url)) error.host = known->authority();
  return fail(std::move(error)
                  .at("lfs_batch")
                  .on_url("PUT", url)
                  .hinting("report it to whoever runs the Hub: its upload URLs begin with "
                           "http://"));
}

Result<PartRequest> HubTarget::request(std::uint32_t index) const {
  const std::string& url = multipart() ? answer_.part_urls[index] : answer_.href;
  if (Status way = check_way(url); !way) return fail(std::move(way.error()));
  if (multipart()) return PartRequest{.method = "PUT", .url = url, .headers = {}};
  PartRequest request{.method = "PUT", .url = url, .headers = {}};
  for (const LfsHeader& header : answer_.headers) request.headers.set(header.name, header.value);
  return request;
}

Result<std::string> HubTarget::judge_part(const HttpAnswer& answer, Error as_it_stands,
                                          std::int64_t now) const {
  if (answer.status >= 200 && answer.status < 300) {
    std::string etag(answer.headers.value_or("etag", ""));
    if (!etag.empty() || !multipart()) return etag;
    as_it_stands.kind = ErrorClass::retry;
    as_it_stands.code = "no_etag";
    as_it_stands.message = "the part was answered without an ETag, so nothing is confirmed";
  } else if (says_expired(answer.status, answer.body, expires_at_, now)) {
    become_url_expired(as_it_stands);
  } else {
    as_it_stands.code = "part_refused";
  }
  return fail(std::move(as_it_stands));
}

Task<Status> HubTarget::finish(Scope& scope, const FinishCall& call) const {
  HubClient hub(call.client, *access_);
  hub.count_retries(call.retries);
  LfsObject object{.oid = call.oid.hex(), .size = call.size};
  if (Status way = check_way(answer_.href); !way) co_return way;
  if (multipart()) {
    Status completed = co_await hub.lfs_complete(scope, answer_.href, object, call.tags);
    if (!completed) co_return completed;
  }
  if (answer_.verify) {
    Status verified = co_await hub.lfs_verify(scope, *answer_.verify, object);
    if (!verified) co_return verified;
  }
  co_return Status();
}

// Verify has had its tries. A completion is asked for once, since what may follow depends on the
// answer: 403 is a URL that ran out; 404 an upload that is gone; 400 and 422 bytes that arrived as
// others than we hashed.
AfterFinish HubTarget::judge_finish(const Error& error) const {
  if (error.kind == ErrorClass::retry && error.stage != "verify") return AfterFinish::again;
  if (error.status == 403) return AfterFinish::renew;
  if (error.status == 404 || error.status == 422 || error.status == 400) return AfterFinish::anew;
  return AfterFinish::fail;
}

}  // namespace headrace
