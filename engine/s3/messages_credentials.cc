#include "engine/s3/messages_credentials.h"

#include <fmt/format.h>

#include "engine/iso_time.h"
#include "engine/json.h"
#include "engine/s3/xml.h"
#include "net/http_head.h"

namespace headrace {
namespace {

// Keys are a few hundred bytes, a session token a few thousand.
constexpr std::size_t answer_max = 64 * 1024;

Error bad_keys(std::string_view from, std::string_view what) {
  return make_error(ErrorClass::fail, "bad_answer",
                    fmt::format("the answer of {} cannot be used: {}", from, what))
      .at("credentials")
      .hinting("see what it answers to other tools");
}

Result<CredentialRequest> request_of(std::string_view method, std::string_view address) {
  Result<Url> url = Url::parse(address);
  if (!url) return fail(std::move(url.error()).at("credentials"));
  CredentialRequest request;
  request.method = method;
  request.url = std::move(*url);
  return request;
}

Result<Json> parse_keys(std::string_view from, std::string_view body) {
  if (body.size() > answer_max) return fail(bad_keys(from, "it is larger than 64 KiB"));
  Json json = parse_json(body);
  if (!json.is_object()) return fail(bad_keys(from, "it is not a JSON object"));
  return json;
}

// The keys of an answer, whose token and end stand under the names given.
Result<S3Credentials> keys_of(const Json& json, std::string_view from, const char* token,
                              bool lasting_allowed) {
  S3Credentials keys;
  keys.access_key_id = text_or_empty(json, "AccessKeyId");
  keys.secret_access_key = text_or_empty(json, "SecretAccessKey");
  keys.session_token = text_or_empty(json, token);
  if (keys.access_key_id.empty()) return fail(bad_keys(from, "'AccessKeyId' is missing"));
  if (keys.secret_access_key.empty()) return fail(bad_keys(from, "'SecretAccessKey' is missing"));
  const std::string* end = text_field(json, "Expiration");
  if (end == nullptr && lasting_allowed) return keys;
  const std::optional<std::int64_t> expires_at =
      end == nullptr ? std::nullopt : parse_iso_time(*end);
  if (!expires_at) return fail(bad_keys(from, "'Expiration' is missing or not a time"));
  keys.expires_at = *expires_at;
  return keys;
}

Error process_failed(const CredentialProcess& process, std::string_view what) {
  return make_error(ErrorClass::fail, "credential_process_failed",
                    fmt::format("the {} {}", process.source, what))
      .at("credentials")
      .on_path(process.argv.front())
      .hinting("run it by hand: it has to print keys as JSON and end with 0");
}

}  // namespace

Result<S3Credentials> credentials_of_process(const CredentialProcess& process,
                                             const ProcessOutput& output) {
  if (output.exit_code != 0) {
    Error error = process_failed(process, fmt::format("ended with {}", output.exit_code));
    error.server_message = redact_text(output.err, 500);
    return fail(std::move(error));
  }
  const Json json = parse_json(output.out);
  if (!json.is_object()) return fail(process_failed(process, "printed something else than JSON"));
  const std::optional<std::uint64_t> version = count_field(json, "Version");
  if (version != 1) return fail(process_failed(process, "printed another version than 1"));
  Result<S3Credentials> keys = keys_of(json, process.source, "SessionToken", true);
  if (!keys) return fail(process_failed(process, "printed no keys: " + keys.error().message));
  keys->source = process.source;
  return keys;
}

Result<CredentialRequest> container_request(const ContainerCredentials& container,
                                            std::string_view authorization) {
  Result<CredentialRequest> request = request_of("GET", container.url);
  if (!request) return request;
  request->headers.add("accept", "application/json");
  if (authorization.empty()) authorization = container.authorization;
  if (authorization.empty()) return request;
  if (!is_field_value(authorization)) {
    return fail(make_error(ErrorClass::fail, "bad_header",
                           "the authorization for the container's credential service holds a line "
                           "end or another control character")
                    .at("credentials")
                    .hinting("see AWS_CONTAINER_AUTHORIZATION_TOKEN and its file"));
  }
  request->headers.add("authorization", authorization);
  return request;
}

Result<S3Credentials> parse_container(std::string_view body) {
  constexpr std::string_view from = "the container's credential service";
  Result<Json> json = parse_keys(from, body);
  if (!json) return fail(std::move(json.error()));
  Result<S3Credentials> keys = keys_of(*json, from, "Token", false);
  if (keys) keys->source = from;
  return keys;
}

Result<CredentialRequest> instance_token_request(const InstanceCredentials& instance) {
  Result<CredentialRequest> request = request_of("PUT", instance.endpoint + "/latest/api/token");
  // Six hours, the most there is.
  if (request) request->headers.add("x-aws-ec2-metadata-token-ttl-seconds", "21600");
  return request;
}

Result<CredentialRequest> instance_role_request(const InstanceCredentials& instance,
                                                std::string_view token) {
  return instance_keys_request(instance, token, "");
}

Result<CredentialRequest> instance_keys_request(const InstanceCredentials& instance,
                                                std::string_view token, std::string_view role) {
  Result<CredentialRequest> request =
      request_of("GET", fmt::format("{}/latest/meta-data/iam/security-credentials/{}",
                                    instance.endpoint, percent_encode(role)));
  if (!request) return request;
  if (token.empty() && !instance.without_token_allowed) {
    return fail(no_credentials("the instance metadata service, which gave no session token,"));
  }
  if (!token.empty()) {
    if (!is_field_value(token)) return fail(bad_keys(instance.source, "its token is none"));
    request->headers.add("x-aws-ec2-metadata-token", token);
  }
  return request;
}

Result<S3Credentials> parse_instance(std::string_view body) {
  constexpr std::string_view from = "the instance metadata service";
  Result<Json> json = parse_keys(from, body);
  if (!json) return fail(std::move(json.error()));
  // A role that may not be taken on is told with status 200.
  if (text_field(*json, "AccessKeyId") == nullptr && text_field(*json, "Code") != nullptr) {
    Error error = no_credentials("the role of this instance");
    error.server_message =
        redact_text(text_or_empty(*json, "Code") + ": " + text_or_empty(*json, "Message"), 500);
    return fail(std::move(error));
  }
  Result<S3Credentials> keys = keys_of(*json, from, "Token", false);
  if (keys) keys->source = from;
  return keys;
}

Result<CredentialRequest> web_identity_request(const WebIdentity& identity, std::string_view token,
                                               const S3Settings& settings, std::int64_t now) {
  std::string endpoint = settings.sts_endpoint_url;
  if (endpoint.empty()) {
    endpoint = fmt::format("https://sts.{}.{}", settings.region, aws_domain(settings.region));
  }
  Result<CredentialRequest> request = request_of("POST", endpoint);
  if (!request) return request;
  request->headers.add("content-type", "application/x-www-form-urlencoded; charset=utf-8");
  request->headers.add("accept", "text/xml");
  const std::string session =
      identity.session_name.empty() ? fmt::format("headrace-{}", now) : identity.session_name;
  request->body = fmt::format(
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}"
      "&WebIdentityToken={}",
      percent_encode(identity.role_arn), percent_encode(session), percent_encode(token));
  return request;
}

Result<S3Credentials> parse_web_identity(std::string_view body) {
  constexpr std::string_view from = "the token service";
  const std::optional<XmlElement> answer = parse_xml(body);
  if (!answer) return fail(bad_keys(from, "it is not XML"));
  const XmlElement* result = answer->child("AssumeRoleWithWebIdentityResult");
  const XmlElement* found = result == nullptr ? nullptr : result->child("Credentials");
  if (found == nullptr) return fail(bad_keys(from, "it holds no keys"));
  S3Credentials keys;
  keys.access_key_id = found->text_of("AccessKeyId");
  keys.secret_access_key = found->text_of("SecretAccessKey");
  keys.session_token = found->text_of("SessionToken");
  const std::optional<std::int64_t> expires_at = parse_iso_time(found->text_of("Expiration"));
  if (keys.access_key_id.empty() || keys.secret_access_key.empty() || keys.session_token.empty()) {
    return fail(bad_keys(from, "a key or the token is missing"));
  }
  if (!expires_at) return fail(bad_keys(from, "'Expiration' is missing or not a time"));
  keys.expires_at = *expires_at;
  keys.source = "a role by web identity";
  return keys;
}

}  // namespace headrace
