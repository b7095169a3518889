#include "engine/s3/messages_credentials.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "engine/iso_time.h"

namespace headrace {
namespace {

const CredentialProcess asked{.argv = {"/bin/keys"}, .source = "credential_process of profile p"};

Result<S3Credentials> printed(std::string text, int exit_code = 0, std::string err = "") {
  return credentials_of_process(
      asked, {.exit_code = exit_code, .out = std::move(text), .err = std::move(err)});
}

constexpr std::string_view web_answer =
    "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
    "<AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>s</SubjectFromWebIdentityToken>"
    "<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s/e+c</SecretAccessKey>"
    "<SessionToken>tok&amp;en</SessionToken><Expiration>2026-01-31T12:00:00Z</Expiration>"
    "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";

}  // namespace

TEST_CASE("credential_process: its JSON") {
  const auto keys =
      printed(R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"B","SessionToken":"C",)"
              R"("Expiration":"2026-01-31T13:00:00+01:00"})");
  REQUIRE(keys.has_value());
  CHECK(keys->access_key_id == "A");
  CHECK(keys->secret_access_key == "B");
  CHECK(keys->session_token == "C");
  CHECK(keys->expires_at == 1769860800);
  CHECK(keys->source == asked.source);
  CHECK(printed(R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"B"})").value().expires_at ==
        0);
  for (const char* bad :
       {"", "keys", "[]", R"({"Version":2,"AccessKeyId":"A","SecretAccessKey":"B"})",
        R"({"AccessKeyId":"A","SecretAccessKey":"B"})", R"({"Version":1,"AccessKeyId":"A"})",
        R"({"Version":1,"SecretAccessKey":"TOPSECRET"})",
        R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"TOPSECRET","Expiration":"soon"})"}) {
    const auto refused = printed(bad);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == "credential_process_failed");
    CHECK(refused.error().path == "/bin/keys");
    CHECK_FALSE(describe(refused.error()).contains("TOPSECRET"));
  }
  const auto ended = printed("", 3, "no session: log in\n");
  REQUIRE_FALSE(ended.has_value());
  CHECK(ended.error().message.contains("ended with 3"));
  CHECK(ended.error().server_message == "no session: log in\n");
}

TEST_CASE("container credentials: request and answer") {
  ContainerCredentials container{
      .url = "http://127.0.0.1:8/keys?id=1", .authorization = "Basic x", .source = "c"};
  auto request = container_request(container, "");
  REQUIRE(request.has_value());
  CHECK(request->method == "GET");
  CHECK(request->url.text() == container.url);
  CHECK(request->headers.value_or("authorization", "") == "Basic x");
  request = container_request(container, "from-file");
  CHECK(request.value().headers.value_or("authorization", "") == "from-file");
  CHECK(container_request(container, "a\r\nb").error().code == "bad_header");

  const auto keys = parse_container(
      R"({"AccessKeyId":"A","SecretAccessKey":"B","Token":"C","Expiration":"2026-01-31T12:00:00Z"})");
  REQUIRE(keys.has_value());
  CHECK(keys->session_token == "C");
  CHECK(keys->expires_at == 1769860800);
  CHECK(parse_container(R"({"AccessKeyId":"A","SecretAccessKey":"B","Token":"C"})").error().code ==
        "bad_answer");
  CHECK(parse_container("<html>").error().code == "bad_answer");
}

TEST_CASE("instance metadata: three requests, and a role that is refused with status 200") {
  InstanceCredentials instance{.endpoint = "http://127.0.0.1:7/imds", .source = "i"};
  const auto token = instance_token_request(instance);
  REQUIRE(token.has_value());
  CHECK(token->method == "PUT");
  CHECK(token->url.target == "/imds/latest/api/token");
  CHECK(token->headers.value_or("x-aws-ec2-metadata-token-ttl-seconds", "") == "21600");
  const auto keys = instance_keys_request(instance, "tok", "my role");
  REQUIRE(keys.has_value());
  CHECK(keys->url.target == "/imds/latest/meta-data/iam/security-credentials/my%20role");
  CHECK(keys->headers.value_or("x-aws-ec2-metadata-token", "") == "tok");
  CHECK(instance_role_request(instance, "").value().headers.empty());
  CHECK(instance_role_request(instance, "a\nb").error().code == "bad_answer");
  instance.without_token_allowed = false;
  CHECK(instance_role_request(instance, "").error().code == "no_credentials");

  const auto refused = parse_instance(R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"no"})");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "no_credentials");
  CHECK(refused.error().server_message == "AssumeRoleUnauthorizedAccess: no");
  CHECK(parse_instance(R"({"Code":"Success","AccessKeyId":"A","SecretAccessKey":"B","Token":"C",)"
                       R"("Expiration":"2026-01-31T12:00:00Z"})")
            .value()
            .access_key_id == "A");
}

TEST_CASE("web identity: request and answer") {
  const WebIdentity identity{
      .role_arn = "arn:aws:iam::1:role/r", .session_name = {}, .token_file = "/t", .source = "w"};
  S3Settings settings;
  settings.region = "cn-north-1";
  const auto request = web_identity_request(identity, "a.b+c", settings, 12);
  REQUIRE(request.has_value());
  CHECK(request->method == "POST");
  CHECK(request->url.text() == "https://sts.cn-north-1.amazonaws.com.cn/");
  CHECK(request->body ==
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
        "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=headrace-12"
        "&WebIdentityToken=a.b%2Bc");
  settings.sts_endpoint_url = "http://127.0.0.1:1";
  CHECK(web_identity_request(identity, "", settings, 1).value().url.text() ==
        "http://127.0.0.1:1/");

  const auto keys = parse_web_identity(web_answer);
  REQUIRE(keys.has_value());
  CHECK(keys->access_key_id == "ASIA");
  CHECK(keys->secret_access_key == "s/e+c");
  CHECK(keys->session_token == "tok&en");
  CHECK(keys->expires_at == 1769860800);
  for (std::size_t size = 0; size < web_answer.size(); size += 7) {
    CHECK_FALSE(parse_web_identity(web_answer.substr(0, size)).has_value());
  }
  CHECK_FALSE(parse_web_identity("<ErrorResponse><Error/></ErrorResponse>").has_value());
}

TEST_CASE("times as the services write them") {
  CHECK(parse_iso_time("1970-01-01T00:00:00Z") == 0);
  CHECK(parse_iso_time("2026-01-31T12:00:00Z") == 1769860800);
  CHECK(parse_iso_time("2026-01-31T12:00:00.123456Z") == 1769860800);
  CHECK(parse_iso_time("2026-01-31 12:00:00+00:00") == 1769860800);
  CHECK(parse_iso_time("2026-01-31T06:30:00-0530") == 1769860800);
  CHECK(parse_iso_time("2024-02-29T00:00:00") == 1709164800);
  for (const char* bad :
       {"", "2026-01-31", "2026-02-30T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T12:00:00X",
        "2026-01-31T12:00:00+1", "2026-1-31T12:00:00Z", "2026-01-31T12:00:00+-123"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_iso_time(bad).has_value());
  }
}

}  // namespace headrace
