#include "tools/headrace/copy_request.h"

#include <doctest/doctest.h>

namespace headrace {
namespace {

// Keys in the variables, and no files.
Environment environment() {
  return {.variable = [](std::string_view name) -> std::optional<std::string> {
            if (name == "AWS_ACCESS_KEY_ID") return "AKID";
            if (name == "AWS_SECRET_ACCESS_KEY") return "secret";
            if (name == "AWS_REGION") return "eu-west-3";
            return std::nullopt;
          },
          .read_file = [](const std::string&) -> Result<std::optional<std::string>> {
            return std::optional<std::string>();
          }};
}

CopyArguments copy(std::vector<std::string> sources, std::string target) {
  CopyArguments arguments;
  arguments.sources = std::move(sources);
  arguments.target = std::move(target);
  return arguments;
}

std::string refused(const CopyArguments& arguments) {
  Result<CopyRequest> request = prepare_copy(arguments, environment());
  REQUIRE(!request);
  CHECK(request.error().stage == "arguments");
  return request.error().code;
}

}  // namespace

TEST_CASE("a copy has its store, its keys and what goes with each object") {
  CopyArguments arguments = copy({"a"}, "s3://b/k");
  arguments.metadata = {"author=me", "formula=a=b"};
  Result<CopyRequest> request = prepare_copy(arguments, environment());
  REQUIRE(request);
  CHECK(request->bucket == "b");
  CHECK(request->prefix == "k");
  CHECK(request->account.settings.region == "eu-west-3");
  REQUIRE(std::holds_alternative<S3Credentials>(request->account.credentials));
  CHECK(std::get<S3Credentials>(request->account.credentials).access_key_id == "AKID");
  CHECK(request->metadata[1] == std::pair<std::string, std::string>("formula", "a=b"));
}

TEST_CASE("what cannot be copied is refused before anything is asked") {
  CHECK(refused(copy({"a"}, "b/k")) == "bad_arguments");
  CHECK(refused(copy({"-", "a"}, "s3://b/k")) == "bad_arguments");
  CHECK(refused(copy({"-"}, "s3://b")) == "bad_arguments");
  CHECK(refused(copy({"-"}, "s3://b/k/")) == "bad_arguments");
  CopyArguments twice = copy({"-"}, "s3://b/k");
  twice.skip_existing = true;
  CHECK(refused(twice) == "bad_arguments");
  CopyArguments metadata = copy({"a"}, "s3://b/k");
  metadata.metadata = {"nothing"};
  CHECK(refused(metadata) == "bad_arguments");
  metadata.metadata = {"a=line\nbreak"};
  CHECK(refused(metadata) == "bad_arguments");
}

}  // namespace headrace
