#include "engine/s3/checksum_use.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/support/environment.h"

namespace headrace {
namespace {

constexpr std::int64_t day = 24 * 3600;

S3Settings at(std::string endpoint) {
  S3Settings settings;
  settings.region = "us-east-1";
  settings.endpoint_url = std::move(endpoint);
  return settings;
}

}  // namespace

TEST_CASE("checksums of stores that are known by name") {
  CHECK(preset_checksums(at(""))->part_way == S3ChecksumWay::trailer);
  CHECK(preset_checksums(at("https://s3.us-east-1.amazonaws.com"))->declared);
  CHECK(preset_checksums(at("https://bucket.vpce-1.s3.us-east-1.vpce.amazonaws.com"))->whole);
  const S3ChecksumUse hub = preset_checksums(at("https://s3.hf.co/me")).value();
  CHECK(hub.part_way == S3ChecksumWay::none);
  CHECK_FALSE(hub.declared);
  CHECK_FALSE(hub.whole);
  CHECK_FALSE(hub.known());
  CHECK_FALSE(hub.why.empty());
  const S3ChecksumUse b2 =
      preset_checksums(at("https://s3.eu-central-003.backblazeb2.com")).value();
  CHECK(b2.part_way == S3ChecksumWay::none);
  CHECK_FALSE(b2.known());
  for (const char* host : {"https://0123abcd.r2.cloudflarestorage.com",
                           "https://0123abcd.eu.r2.cloudflarestorage.com"}) {
    const S3ChecksumUse r2 = preset_checksums(at(host)).value();
    CHECK(r2.part_way == S3ChecksumWay::header);
    CHECK(r2.known());
    CHECK_FALSE(r2.declared);
    CHECK_FALSE(r2.parts_listed);
    CHECK_FALSE(r2.whole);
  }
  for (const char* other :
       {"http://127.0.0.1:9000", "https://amazonaws.com.example.org", "https://notamazonaws.com",
        "https://xs3.hf.co", "https://notbackblazeb2.com", "https://backblazeb2.com.example.org",
        "https://cloudflarestorage.com"}) {
    CAPTURE(other);
    CHECK_FALSE(preset_checksums(at(other)).has_value());
  }
  S3Settings needed = at("");
  needed.checksums_only_if_needed = true;
  CHECK(preset_checksums(needed)->part_way == S3ChecksumWay::none);
}

TEST_CASE("checksums after a trial") {
  const std::uint64_t size = trial_content.size();
  const S3ChecksumUse all =
      checksums_after({.declared = true, .trailer = true, .size = size, .names_parts = true});
  CHECK(all.part_way == S3ChecksumWay::trailer);
  CHECK(all.declared);
  CHECK(all.whole);
  // The framing became content: 72 bytes more, say.
  CHECK(checksums_after({.declared = true, .trailer = true, .size = size + 72}).part_way ==
        S3ChecksumWay::header);
  CHECK(checksums_after({.declared = true, .trailer = true, .size = size}).part_way ==
        S3ChecksumWay::header);
  CHECK(checksums_after({.declared = true}).part_way == S3ChecksumWay::header);
  CHECK_FALSE(checksums_after({.declared = true}).declared);
  CHECK(checksums_untried().part_way == S3ChecksumWay::header);
  CHECK_FALSE(checksums_untried().declared);
  CHECK(checksums_after({}).part_way == S3ChecksumWay::none);
  CHECK_FALSE(checksums_after({}).declared);
}

TEST_CASE("what a trial showed is remembered for 30 days") {
  const S3ChecksumUse header = checksums_after({.declared = true});
  const S3ChecksumUse none = checksums_after({});
  std::string file = remember_checksums("", "http://a:1", header, 100 * day);
  file = remember_checksums(file, "http://b", none, 110 * day);
  CHECK(remembered_checksums(file, "http://a:1", 129 * day)->part_way == S3ChecksumWay::header);
  CHECK(remembered_checksums(file, "http://b", 129 * day)->part_way == S3ChecksumWay::none);
  CHECK_FALSE(remembered_checksums(file, "http://a", 129 * day).has_value());
  CHECK_FALSE(remembered_checksums(file, "http://a:1", 130 * day).has_value());
  // A clock that went back knows nothing of the future.
  CHECK_FALSE(remembered_checksums(file, "http://a:1", 99 * day).has_value());

  S3ChecksumUse all = checksums_after(
      {.declared = true, .trailer = true, .size = trial_content.size(), .names_parts = true});
  file = remember_checksums(file, "http://a:1", all, 135 * day);
  const auto again = remembered_checksums(file, "http://a:1", 136 * day);
  REQUIRE(again.has_value());
  all.why = again->why;
  CHECK(*again == all);
  CHECK(std::count(file.begin(), file.end(), '\n') == 2);
  // What is too old goes when something is added.
  CHECK(remember_checksums(file, "http://c", none, 150 * day).find("http://b") ==
        std::string::npos);
}

TEST_CASE("a file that is not ours says nothing, and nothing breaks") {
  for (const char* bad :
       {"", "\n\n", "http://a trailer +++", "http://a trailer +++ x", "http://a trailer ++ 1",
        "http://a other +++ 1", "\xff\xfe", "http://a trailer ++++ 1", "http://a  trailer +++ 1"}) {
    CAPTURE(bad);
    CHECK_FALSE(remembered_checksums(bad, "http://a", 2).has_value());
    CHECK(remembered_checksums(remember_checksums(bad, "http://a", {}, 2), "http://a", 2)
              .has_value());
  }
  CHECK(remembered_checksums("http://a trailer +++ 1", "http://a", 2).has_value());
  std::string file;
  for (int i = 0; i < 1100; ++i) {
    file = remember_checksums(file, "http://" + std::to_string(i), {}, 2);
  }
  CHECK(std::count(file.begin(), file.end(), '\n') == 1000);
}

TEST_CASE("where trials are remembered") {
  CHECK(stores_file(environment_of({{"HOME", "/h"}})) == "/h/.cache/headrace/stores");
  CHECK(stores_file(environment_of({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}})) ==
        "/x/headrace/stores");
}

}  // namespace headrace
