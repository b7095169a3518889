#include "engine/s3/sigv4.h"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "io/ascii.h"
#include "io/digest/hmac.h"

namespace headrace {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

// Fields that may change between us and the store, or are made after the signature.
bool is_signed(std::string_view name) {
  constexpr std::array<std::string_view, 17> others = {"authorization",
                                                       "baggage",
                                                       "connection",
                                                       "content-length",
                                                       "expect",
                                                       "host",
                                                       "keep-alive",
                                                       "proxy-authenticate",
                                                       "te",
                                                       "proxy-authorization",
                                                       "traceparent",
                                                       "tracestate",
                                                       "trailer",
                                                       "transfer-encoding",
                                                       "upgrade",
                                                       "user-agent",
                                                       "x-amzn-trace-id"};
  return std::ranges::find(others, name) == others.end();
}

// Without blanks at the ends, and with one where several are.
std::string squeezed(std::string_view value) {
  std::string out;
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t begin = value.find_first_not_of(" \t", at);
    if (begin == value.npos) break;
    const std::size_t end = std::min(value.find_first_of(" \t", begin), value.size());
    if (!out.empty()) out += ' ';
    out += value.substr(begin, end - begin);
    at = end;
  }
  return out;
}

// Encoded as the signature has it, whichever way it was encoded before.
std::string encoded_once(std::string_view text, std::string_view keep = "") {
  const Result<std::string> plain = percent_decode(text);
  return percent_encode(plain ? std::string_view(*plain) : text, keep);
}

// Names and values, encoded and in order.
std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    if (one.empty()) continue;
    const std::size_t equals = std::min(one.find('='), one.size());
    parameters.emplace_back(encoded_once(one.substr(0, equals)),
                            encoded_once(one.substr(std::min(one.size(), equals + 1))));
  }
  std::ranges::sort(parameters);
  std::string text;
  for (const auto& [name, value] : parameters) {
    text += fmt::format("{}{}={}", text.empty() ? "" : "&", name, value);
  }
  return text;
}

// The fields a signature covers, by their names in small letters.
class SignedFields {
 public:
  SignedFields(const Url& url, const Headers& headers) {
    fields_["host"] = url.authority();
    for (const auto& [name, value] : headers) {
      std::string key = lowered(name);
      if (!is_signed(key)) continue;
      auto [place, is_new] = fields_.try_emplace(std::move(key));
      place->second += (is_new ? "" : ",") + squeezed(value);
    }
  }

  std::string names() const {
    std::string text;
    for (const auto& [name, value] : fields_) text += (text.empty() ? "" : ";") + name;
    return text;
  }

  std::string lines() const {
    std::string text;
    for (const auto& [name, value] : fields_) text += fmt::format("{}:{}\n", name, value);
    return text;
  }

 private:
  std::map<std::string, std::string> fields_;
};

std::string timestamp_of(std::int64_t now) {
  return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(static_cast<std::time_t>(now)));
}

// DATE/REGION/SERVICE/aws4_request: where and when the signature holds.
std::string scope_of(const Signing& signing, std::string_view timestamp) {
  return fmt::format("{}/{}/{}/aws4_request", timestamp.substr(0, 8), signing.region,
                     signing.service);
}

std::string signature_of(const Signing& signing, std::string_view timestamp,
                         std::string_view request) {
  const std::string to_sign = fmt::format("{}\n{}\n{}\n{}", algorithm, timestamp,
                                          scope_of(signing, timestamp), sha256_of(request).hex());
  DigestValue key =
      hmac_sha256("AWS4" + signing.credentials.secret_access_key, timestamp.substr(0, 8));
  for (std::string_view step :
       {signing.region, signing.service, std::string_view("aws4_request")}) {
    key = hmac_sha256(key.span(), step);
  }
  return hmac_sha256(key.span(), to_sign).hex();
}

std::string canonical_request(std::string_view method, const Url& url, const SignedFields& fields,
                              std::string_view payload) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", method, encoded_once(url.path(), "/"),
                     canonical_query(url.query()), fields.lines(), fields.names(), payload);
}

}  // namespace

void sign_headers(const Signing& signing, std::string_view method, const Url& url,
                  std::string_view payload, Headers& headers) {
  headers.remove("authorization");
  headers.remove("x-amz-security-token");
  if (signing.service == "s3") headers.set("x-amz-content-sha256", payload);
  if (signing.credentials.anonymous()) return;
  const std::string timestamp = timestamp_of(signing.now);
  headers.set("x-amz-date", timestamp);
  if (!signing.credentials.session_token.empty()) {
    headers.set("x-amz-security-token", signing.credentials.session_token);
  }
  const SignedFields fields(url, headers);
  const std::string signature =
      signature_of(signing, timestamp, canonical_request(method, url, fields, payload));
  headers.set("authorization",
              fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", algorithm,
                          signing.credentials.access_key_id, scope_of(signing, timestamp),
                          fields.names(), signature));
}

std::string presigned_url(const Signing& signing, std::string_view method, const Url& url,
                          const Headers& headers, std::int64_t lifetime_s) {
  if (signing.credentials.anonymous()) return url.text();
  const std::string timestamp = timestamp_of(signing.now);
  const SignedFields fields(url, headers);
  const std::string credential =
      fmt::format("{}/{}", signing.credentials.access_key_id, scope_of(signing, timestamp));
  Url signed_url = url;
  signed_url.target += fmt::format(
      "{}X-Amz-Algorithm={}&X-Amz-Credential={}&X-Amz-Date={}&X-Amz-Expires={}"
      "&X-Amz-SignedHeaders={}",
      url.target.contains('?') ? "&" : "?", algorithm, percent_encode(credential), timestamp,
      lifetime_s, percent_encode(fields.names()));
  if (!signing.credentials.session_token.empty()) {
    signed_url.target +=
        "&X-Amz-Security-Token=" + percent_encode(signing.credentials.session_token);
  }
  const std::string signature = signature_of(
      signing, timestamp, canonical_request(method, signed_url, fields, payload_unsigned));
  return signed_url.text() + "&X-Amz-Signature=" + signature;
}

}  // namespace headrace
