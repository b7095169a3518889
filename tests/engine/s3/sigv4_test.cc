// sigv4_test.cc: the examples of the S3 API reference, those of the signature's own test suite,
// and requests as botocore signs them (sigv4_table.inc).
#include "engine/s3/sigv4.h"

#include <doctest/doctest.h>

#include "io/digest/sha256.h"

namespace headrace {
namespace {

struct SignatureRow {
  const char* method;
  const char* url;
  const char* fields;
  const char* payload;
  const char* token;
  const char* region;
  std::int64_t now;
  const char* authorization;
  const char* presigned;  // empty: none
};

const SignatureRow signature_rows[] = {
#include "tests/engine/s3/sigv4_table.inc"
};

Url url_of(std::string_view text) {
  Result<Url> url = Url::parse(text);
  REQUIRE(url.has_value());
  return *url;
}

Headers fields_of(std::string_view lines) {
  Headers headers;
  while (!lines.empty()) {
    std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(line.size() + 1);
    headers.add(line.substr(0, line.find(':')), line.substr(line.find(':') + 2));
  }
  return headers;
}

S3Credentials credentials_of(std::string_view token = "") {
  S3Credentials credentials;
  credentials.access_key_id = "AKIAIOSFODNN7EXAMPLE";
  credentials.secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  credentials.session_token = token;
  return credentials;
}

constexpr std::int64_t may_24_2013 = 1369353600;

// The signature of a request of the API reference, whose clock stands at midnight.
std::string reference(std::string_view method, std::string_view target, Headers headers,
                      std::string_view payload = payload_empty) {
  const S3Credentials credentials = credentials_of();
  const Signing signing{.credentials = credentials, .region = "us-east-1", .now = may_24_2013};
  Url url = url_of("https://examplebucket.s3.amazonaws.com");
  url.target = target;
  sign_headers(signing, method, url, payload, headers);
  CHECK(headers.value_or("x-amz-date", "") == "20130524T000000Z");
  CHECK(headers.value_or("x-amz-content-sha256", "") == payload);
  std::string_view authorization = headers.value_or("authorization", "");
  return std::string(authorization.substr(authorization.rfind('=') + 1));
}

// That of a request of the signature's test suite.
std::string suite(std::string_view method, std::string_view target, Headers headers,
                  std::string_view body = "") {
  S3Credentials credentials;
  credentials.access_key_id = "AKIDEXAMPLE";
  credentials.secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  const Signing signing{
      .credentials = credentials, .region = "us-east-1", .now = 1440938160, .service = "service"};
  Url url = url_of("https://example.amazonaws.com");
  url.target = target;
  sign_headers(signing, method, url, sha256_of(body).hex(), headers);
  std::string_view authorization = headers.value_or("authorization", "");
  return std::string(authorization.substr(authorization.rfind('=') + 1));
}

}  // namespace

TEST_CASE("SigV4: the examples of the S3 API reference") {
  CHECK(reference("GET", "/test.txt", {{"Range", "bytes=0-9"}}) ==
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  CHECK(reference("PUT", "/test%24file.text",
                  {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                   {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                  sha256_of("Welcome to Amazon S3.").hex()) ==
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  CHECK(reference("GET", "/?lifecycle", {}) ==
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  CHECK(reference("GET", "/?max-keys=2&prefix=J", {}) ==
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_CASE("SigV4: the presigned URL of the S3 API reference") {
  const S3Credentials credentials = credentials_of();
  const Signing signing{.credentials = credentials, .region = "us-east-1", .now = may_24_2013};
  CHECK(presigned_url(signing, "GET", url_of("https://examplebucket.s3.amazonaws.com/test.txt"), {},
                      86400) ==
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST_CASE("SigV4: requests of the signature's test suite") {
  CHECK(suite("GET", "/", {}) ==
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  CHECK(suite("GET", "/?Param1=value1", {}) ==
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb");
  CHECK(suite("GET", "/?Param2=value2&Param1=value1", {}) ==
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  CHECK(suite("GET", "/", {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}) ==
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
  CHECK(suite("POST", "/", {}) ==
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  CHECK(suite("POST", "/", {{"My-Header1", "value1"}}) ==
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c");
  CHECK(suite("POST", "/", {{"Content-Type", "application/x-www-form-urlencoded"}},
              "Param1=value1") ==
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

TEST_CASE("SigV4: as botocore signs") {
  for (const SignatureRow& row : signature_rows) {
    CAPTURE(row.url);
    CAPTURE(row.fields);
    const S3Credentials credentials = credentials_of(row.token);
    const Signing signing{.credentials = credentials, .region = row.region, .now = row.now};
    const Url url = url_of(row.url);
    Headers headers = fields_of(row.fields);
    if (row.presigned[0] != '\0') {
      // The same URL but for the order of its parameters, which the signature does not see.
      const std::string asked = presigned_url(signing, row.method, url, headers, 3600);
      const std::string_view expected = row.presigned;
      CHECK(asked.substr(asked.rfind('=')) == expected.substr(expected.rfind('=')));
    }
    sign_headers(signing, row.method, url, row.payload, headers);
    CHECK(headers.value_or("authorization", "") == row.authorization);
    CHECK(headers.value_or("x-amz-security-token", "") == row.token);
  }
}

TEST_CASE("SigV4: signed again, a request has one signature, and anonymous it has none") {
  S3Credentials credentials = credentials_of("old");
  const Url url = url_of("https://s3.example.org/bucket/key");
  Headers once;
  Headers twice;
  sign_headers({.credentials = credentials, .region = "r", .now = 1}, "PUT", url, payload_unsigned,
               twice);
  credentials.session_token = "new";
  const Signing later{.credentials = credentials, .region = "r", .now = 2};
  sign_headers(later, "PUT", url, payload_empty, once);
  sign_headers(later, "PUT", url, payload_empty, twice);
  CHECK(twice.size() == once.size());
  CHECK(twice.value_or("authorization", "") == once.value_or("authorization", ""));

  const S3Credentials nobody;
  const Signing unsigned_request{.credentials = nobody, .region = "r", .now = 2};
  Headers headers;
  sign_headers(unsigned_request, "PUT", url, payload_unsigned, headers);
  CHECK(headers.size() == 1);
  CHECK(presigned_url(unsigned_request, "GET", url, {}, 60) == url.text());
}

}  // namespace headrace
