#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "engine/hub/messages.h"

namespace headrace {
namespace {

using nlohmann::json;

const std::string sha(40, 'a');

std::string info_with(const char* field, const json& value) {
  json info = {{"id", "ns/r"}, {"sha", sha}, {"private", true}};
  info[field] = value;
  return info.dump();
}

}  // namespace

TEST_CASE("create and delete name the repo as huggingface_hub 2.4.0 does") {
  const RepoId repo{.type = RepoType::dataset, .owner = "ns", .name = "r"};
  CHECK(json::parse(create_repo_body(repo, {})) ==
        json{{"name", "r"}, {"organization", "ns"}, {"type", "dataset"}});
  CHECK(
      json::parse(create_repo_body({.name = "r"}, {.visibility = "private"})) ==
      json{{"name", "r"}, {"organization", nullptr}, {"visibility", "private"}, {"type", "model"}});
  CHECK(json::parse(create_repo_body({.type = RepoType::space, .owner = "n", .name = "r"},
                                     {.visibility = "public", .space_sdk = "gradio"})) ==
        json{{"name", "r"},
             {"organization", "n"},
             {"visibility", "public"},
             {"type", "space"},
             {"sdk", "gradio"}});
  CHECK(json::parse(delete_repo_body(repo)) ==
        json{{"name", "r"}, {"organization", "ns"}, {"type", "dataset"}});
}

TEST_CASE("the answer to create names the repo's address") {
  CHECK(parse_repo_location(R"({"url":"http://h/ns/r","x":[{}]})").value() == "http://h/ns/r");
  for (const char* bad :
       {"", "[]", "{}", "nul", R"({"url":1})", R"({"url":""})", R"({"url":"javascript:x"})",
        R"({"url":"http://h/a b"})", R"({"url":"http://h/\r\nX"})"}) {
    Result<std::string> url = parse_repo_location(bad);
    REQUIRE_MESSAGE(!url.has_value(), bad);
    CHECK(url.error().code == "bad_answer");
    CHECK(url.error().stage == "create_repo");
  }
}

TEST_CASE("repo info has an id and a commit") {
  const RepoInfo info = parse_repo_info(info_with("siblings", json::array())).value();
  CHECK(info.id == "ns/r");
  CHECK(info.sha == sha);
  CHECK(info.is_private);
  for (const json& bad : {json(nullptr), json(1), json(""), json("main"), json(sha + "a"),
                          json(std::string(40, 'g'))}) {
    CHECK(parse_repo_info(info_with("sha", bad)).error().code == "bad_answer");
  }
  CHECK_FALSE(parse_repo_info(info_with("id", 3)).has_value());
  CHECK_FALSE(parse_repo_info(info_with("private", "yes")).has_value());
}

TEST_CASE("a branch starts where it is told to") {
  CHECK(create_branch_body(std::nullopt) == "{}");
  CHECK(json::parse(create_branch_body("refs/pr/1")) == json{{"startingPoint", "refs/pr/1"}});
}

TEST_CASE("whoami") {
  const WhoAmI who = parse_whoami(
                         R"({"type":"user","name":"me","fullname":"Me","orgs":[{"name":"o"},{},3],
          "auth":{"type":"access_token","accessToken":{"displayName":"t","role":"write"}}})")
                         .value();
  CHECK(who.name == "me");
  CHECK(who.full_name == "Me");
  CHECK(who.orgs == std::vector<std::string>{"o"});
  CHECK(who.token_role == "write");
  CHECK(parse_whoami(R"({"name":"me","auth":null,"orgs":null})").value().token_role.empty());
  CHECK(parse_whoami(R"({"name":"me","auth":"x","orgs":{}})").value().orgs.empty());
  CHECK(parse_whoami(R"({"name":""})").error().code == "bad_answer");
  CHECK(parse_whoami(R"({"fullname":"x"})").error().code == "bad_answer");
}

TEST_CASE("validate-yaml") {
  CHECK(json::parse(validate_yaml_body("# \xff", RepoType::space)) ==
        json{{"content", "# \xef\xbf\xbd"}, {"repoType", "space"}});
  const YamlVerdict verdict =
      parse_validate_yaml(R"({"errors":[{"message":"e"}],"warnings":[{"message":"w"},"v"]})")
          .value();
  CHECK(verdict.errors == std::vector<std::string>{"e"});
  CHECK(verdict.warnings == std::vector<std::string>{"w", "v"});
  CHECK(parse_validate_yaml("{}").value().errors.empty());
  CHECK(parse_validate_yaml(R"({"errors":{}})").error().code == "bad_answer");
  CHECK(parse_validate_yaml(R"({"errors":[{}]})").error().code == "bad_answer");
}

TEST_CASE("a pull request and its number") {
  CHECK(json::parse(create_pull_request_body("t", "d")) ==
        json{{"title", "t"}, {"description", "d"}, {"pullRequest", true}});
  CHECK(parse_discussion_number(R"({"num":7})").value() == 7);
  for (const char* bad : {R"({"num":0})", R"({"num":-1})", R"({"num":"1"})", R"({"num":1.5})",
                          R"({"num":4294967296})", "{}", "7"}) {
    CHECK_MESSAGE(parse_discussion_number(bad).error().code == "bad_answer", bad);
  }
}

TEST_CASE("what a server says is shown once, short and without secrets") {
  CHECK(server_message_of(R"({"error":"no"})") == "no");
  CHECK(server_message_of(R"({"error":["a","b","a"],"message":"b"})") == "a; b");
  CHECK(server_message_of(R"({"error":"x","error_description":"why"})") == "x: why");
  CHECK(server_message_of(R"({"errors":[{"message":"m"},{},1,"t"],"message":"m"})") == "m; t");
  CHECK(server_message_of(R"({"message":"two\nlines"})") == "two lines");
  CHECK(server_message_of("plain") == "plain");
  CHECK(server_message_of("\"quoted\"") == "quoted");
  CHECK(server_message_of(" <html>big page") == "");
  CHECK(server_message_of("") == "");
  CHECK(server_message_of("{}") == "");
  CHECK(server_message_of(R"({"error":"token hf_abcdefghij"})") == "token hf_***");
  CHECK(server_message_of(json{{"error", std::string(100'000, 'x')}}.dump()).size() < 1100);
  CHECK(server_message_of(std::string(100'000, '[')).size() < 1100);
}

TEST_CASE("an answer may be hostile in depth and size") {
  const std::string deep = R"({"id":"a","x":)" + std::string(500'000, '[');
  CHECK(parse_repo_info(deep).error().code == "bad_answer");
  const auto closed = [](std::size_t depth) {
    return R"({"x":)" + std::string(depth, '[') + std::string(depth, ']') +
           R"(,"y":"[[{\\\"[","url":"http://h/r"})";
  };
  CHECK(parse_repo_location(closed(200'000)).error().code == "bad_answer");
  CHECK(parse_repo_location(closed(99)).value() == "http://h/r");
  CHECK(parse_repo_location("{\"url\":\"http://h/" + std::string(17 << 20, 'a') + "\"}")
            .error()
            .message.find("16 MiB") != std::string::npos);
  CHECK(parse_repo_location("{\"url\":\"http://h/\xff\"}").error().code == "bad_answer");
}

}  // namespace headrace
