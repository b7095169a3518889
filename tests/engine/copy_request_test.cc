#include "engine/copy_request.h"

#include <doctest/doctest.h>

namespace headrace {

TEST_CASE("the address of a bucket falls into its name and a key") {
  CHECK(parse_store_address("s3://b")->bucket == "b");
  CHECK(parse_store_address("s3://b/")->key.empty());
  CHECK(parse_store_address("s3://b/k/l")->key == "k/l");
  CHECK(parse_store_address("s3://b//k")->key == "/k");
  for (const char* wrong : {"b/k", "s3://", "s3:///k", "http://b/k", ""}) {
    CHECK(parse_store_address(wrong).error().code == "bad_arguments");
  }
}

TEST_CASE("named values fall apart at their first equals sign") {
  NamedValues expected = {{"author", "me"}, {"formula", "a=b"}, {"none", ""}};
  CHECK(*parse_named_values("--metadata", {"author=me", "formula=a=b", "none="}) == expected);
  CHECK(parse_named_values("--metadata", {})->empty());
  for (const char* wrong : {"nothing", "=value", "", "a=line\nbreak", "a=\u00e9"}) {
    Error error = parse_named_values("--tags", {wrong}).error();
    CHECK(error.code == "bad_arguments");
    CHECK(error.message.contains("--tags"));
  }
}

}  // namespace headrace
