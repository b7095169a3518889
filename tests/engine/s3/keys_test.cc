#include "engine/s3/keys.h"

#include <doctest/doctest.h>

#include "tests/support/http.h"

namespace headrace {
namespace {

constexpr std::string_view keys_json =
    R"({"Version": 1, "Code": "Success", "AccessKeyId": "AKFETCHED", "SecretAccessKey": "s3cret",)"
    R"( "Token": "t0ken", "SessionToken": "t0ken", "Expiration": "2099-01-01T00:00:00Z"})";

struct KeyLoop {
  NetLoop net;
  S3Settings settings;

  Result<S3Credentials> fetch(const CredentialSource& source) {
    std::optional<Result<S3Credentials>> keys;
    net.run(fetch_into(source, keys));
    return std::move(*keys);
  }
  Task<void> fetch_into(const CredentialSource& source,
                        std::optional<Result<S3Credentials>>& keys) {
    KeyFetch fetch{.client = net.client, .settings = settings};
    Result<S3Credentials> got = co_await fetch.run(net.scope(), source);
    keys.emplace(std::move(got));
  }
};

void check_fetched(const Result<S3Credentials>& keys) {
  if (!keys) FAIL(describe(keys.error()));
  CHECK(keys->access_key_id == "AKFETCHED");
  CHECK(keys->session_token == "t0ken");
  CHECK(keys->expires_at == 4'070'908'800);
}

}  // namespace

TEST_CASE("keys that a program prints") {
  KeyLoop loop;
  check_fetched(loop.fetch(
      CredentialProcess{.argv = {"/bin/echo", std::string(keys_json)}, .source = "a profile"}));
}

TEST_CASE("a program that prints no keys") {
  KeyLoop loop;
  Result<S3Credentials> none =
      loop.fetch(CredentialProcess{.argv = {"/bin/false"}, .source = "a profile"});
  REQUIRE(!none);
  CHECK(none.error().code == "credential_process_failed");
}

TEST_CASE("keys of a container's service, which is shown the authorization") {
  KeyLoop loop;
  loop.net.handler.reply = [](const ScriptedHandler::Seen&) {
    ServerReply reply;
    reply.body = keys_json;
    return reply;
  };
  check_fetched(loop.fetch(ContainerCredentials{.url = loopback_url(loop.net.port, "/keys"),
                                                .authorization = "Basic abc",
                                                .authorization_file = "",
                                                .source = "a container"}));
  REQUIRE(loop.net.handler.seen.size() == 1);
  CHECK(loop.net.handler.seen[0].headers.value_or("authorization", "") == "Basic abc");
}

TEST_CASE("keys of an instance: a token, the name of a role, its keys") {
  KeyLoop loop;
  loop.net.handler.reply = [](const ScriptedHandler::Seen& seen) {
    ServerReply reply;
    if (seen.method == "PUT") {
      reply.body = "a-token";
    } else if (seen.target.ends_with("/the-role")) {
      reply.body = keys_json;
    } else {
      reply.body = "the-role\n";
    }
    return reply;
  };
  check_fetched(loop.fetch(
      InstanceCredentials{.endpoint = loopback_url(loop.net.port, ""), .source = "an instance"}));
  REQUIRE(loop.net.handler.seen.size() == 3);
  CHECK(loop.net.handler.seen[2].headers.value_or("x-aws-ec2-metadata-token", "") == "a-token");
}

TEST_CASE("a service that has no keys says nothing of what it answered") {
  KeyLoop loop;
  loop.net.handler.reply = [](const ScriptedHandler::Seen&) {
    ServerReply reply;
    reply.status = 403;
    reply.body = "a-secret-in-an-answer";
    return reply;
  };
  Result<S3Credentials> none =
      loop.fetch(ContainerCredentials{.url = loopback_url(loop.net.port, "/keys"),
                                      .authorization = "",
                                      .authorization_file = "",
                                      .source = "a container"});
  REQUIRE(!none);
  CHECK(none.error().code == "keys_unavailable");
  CHECK(none.error().status == 403);
  CHECK_FALSE(describe(none.error()).contains("a-secret"));
}

}  // namespace headrace
