// access_test.cc: where objects are asked for, by settings; urls_table.inc has it by botocore.
#include "engine/s3/access.h"

#include <doctest/doctest.h>

namespace headrace {
namespace {

struct UrlRow {
  const char* endpoint;
  const char* region;
  const char* addressing;
  std::string_view options;
  const char* bucket;
  const char* key;
  const char* url;
};

const UrlRow url_rows[] = {
#include "tests/engine/s3/urls_table.inc"
};

S3Addressing addressing_of(std::string_view name) {
  if (name == "path") return S3Addressing::path;
  return name == "virtual" ? S3Addressing::virtual_host : S3Addressing::automatic;
}

}  // namespace

TEST_CASE("S3: the URL of an object, as botocore asks for it") {
  for (const UrlRow& row : url_rows) {
    S3Settings settings;
    settings.endpoint_url = row.endpoint;
    settings.region = row.region;
    settings.addressing = addressing_of(row.addressing);
    settings.dualstack = row.options.contains("dualstack");
    settings.fips = row.options.contains("fips");
    settings.accelerate = row.options.contains("accelerate");
    const S3Access access(settings, S3Credentials{});
    const Result<Url> url = access.url(row.bucket, row.key, "");
    REQUIRE(url.has_value());
    CHECK(url->text() == std::string(row.url));
  }
}

}  // namespace headrace
