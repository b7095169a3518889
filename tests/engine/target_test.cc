#include "engine/hub/target.h"

#include <doctest/doctest.h>

namespace headrace {
namespace {

constexpr std::int64_t now = 1'800'000'000;

LfsAnswer in_parts() {
  return {.transfer = LfsTransfer::multipart,
          .href = "http://hub.test/complete/abc?uploadId=one&X-Amz-Signature=secret1",
          .chunk_size = 100,
          .part_urls = {"http://store.test/p1?X-Amz-Date=20270115T080000Z&X-Amz-Expires=900",
                        "http://store.test/p2", "http://store.test/p3"}};
}

HubTarget target_of(LfsAnswer answer, std::uint64_t size = 250) {
  auto access = std::make_shared<const HubAccess>(HubAccess{"http://hub.test", "hf_token", {}});
  return {std::move(answer), size, std::move(access), now};
}

HttpAnswer answered(int status, std::string body = "", std::string etag = "") {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  if (!etag.empty()) answer.headers.set("etag", etag);
  return answer;
}

Error error_with(ErrorClass kind, int status, std::string_view stage) {
  Error error = make_error(kind, "http_status", "the store said no").at(stage);
  error.status = status;
  return error;
}

std::string code_of_part(const HubTarget& target, const HttpAnswer& answer, std::int64_t at,
                         ErrorClass kind) {
  Result<std::string> tag =
      target.judge_part(answer, error_with(ErrorClass::fail, answer.status, "part"), at);
  REQUIRE(!tag);
  CHECK(tag.error().kind == kind);
  CHECK(tag.error().status == answer.status);
  return tag.error().code;
}

}  // namespace

TEST_CASE("a part is confirmed by its tag, a single PUT by its status") {
  Error refused = error_with(ErrorClass::fail, 200, "part");
  HubTarget parts = target_of(in_parts());
  CHECK(parts.judge_part(answered(200, "", "\"t\""), refused, now).value_or("") == "\"t\"");
  CHECK(code_of_part(parts, answered(200), now, ErrorClass::retry) == "no_etag");
  HubTarget single = target_of({.transfer = LfsTransfer::single, .href = "http://store.test/o"});
  CHECK(single.judge_part(answered(200), refused, now).has_value());
  CHECK(single.part_count() == 1);
  CHECK(single.upload_name().empty());
}

TEST_CASE(
    "a 403 is a URL that ran out where its end is past or its body says so, else it is final") {
  HubTarget parts = target_of(in_parts());
  // Signed on 2027-01-15 08:00:00, which is `now`, for 900 s.
  HttpAnswer plain = answered(403, "no such right");
  CHECK(code_of_part(parts, plain, now + 899, ErrorClass::fail) == "part_refused");
  CHECK(code_of_part(parts, plain, now + 900, ErrorClass::expired) == "url_expired");
  HttpAnswer said = answered(403, "<Error><Message>Request has expired</Message></Error>");
  CHECK(code_of_part(parts, said, now, ErrorClass::expired) == "url_expired");
  HttpAnswer gone = answered(404, "<Message>Request has expired</Message>");
  CHECK(code_of_part(parts, gone, now, ErrorClass::fail) == "part_refused");
}

TEST_CASE("an upload is the same under URLs signed anew, and another under another id") {
  HubTarget one = target_of(in_parts());
  LfsAnswer answer = in_parts();
  answer.href = "http://hub.test/complete/abc?uploadId=one&X-Amz-Signature=secret2";
  CHECK(target_of(answer).upload_name() == one.upload_name());
  answer.href = "http://hub.test/complete/abc?uploadId=two&X-Amz-Signature=secret1";
  CHECK(target_of(answer).upload_name() != one.upload_name());
  CHECK(!one.upload_name().contains("secret"));
}

TEST_CASE("what an error of the completion leads to") {
  HubTarget target = target_of(in_parts());
  auto after = [&](ErrorClass kind, int status, std::string_view stage = "complete") {
    return target.judge_finish(error_with(kind, status, stage));
  };
  CHECK(after(ErrorClass::retry, 503) == AfterFinish::again);
  CHECK(after(ErrorClass::retry, 0) == AfterFinish::again);
  CHECK(after(ErrorClass::retry, 503, "verify") == AfterFinish::fail);
  CHECK(after(ErrorClass::fail, 403) == AfterFinish::renew);
  CHECK(after(ErrorClass::fail, 404) == AfterFinish::anew);
  CHECK(after(ErrorClass::fail, 422) == AfterFinish::anew);
  CHECK(after(ErrorClass::fail, 401) == AfterFinish::fail);
}

TEST_CASE("content for a hub over https does not go in the clear") {
  auto access = std::make_shared<const HubAccess>(HubAccess{"https://hub.test", "hf_token", {}});
  HubTarget parts(in_parts(), 250, access, now);
  Result<PartRequest> part = parts.request(0);
  REQUIRE(!part);
  CHECK(part.error().code == "insecure_url");
  CHECK(part.error().url == "http://store.test/p1");
  LfsAnswer secure = in_parts();
  for (std::string& url : secure.part_urls) url.insert(4, "s");
  CHECK(HubTarget(secure, 250, access, now).request(2)->url == "https://store.test/p3");
  HubTarget single({.transfer = LfsTransfer::single, .href = "http://store.test/o"}, 250, access,
                   now);
  CHECK(single.request(0).error().code == "insecure_url");
  CHECK(target_of(in_parts()).request(0).has_value());
}

}  // namespace headrace
