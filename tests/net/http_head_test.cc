#include "net/http_head.h"

#include <doctest/doctest.h>

namespace headrace {

TEST_CASE("heads are written in order") {
  CHECK(*write_request_head("PUT", "/a?b", {{"host", "h"}, {"content-length", "0"}}) ==
        "PUT /a?b HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n");
  CHECK(*write_answer_head(204, {}) == "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_CASE("nothing breaks out of a line") {
  using namespace std::string_literals;
  for (const std::string& evil : {"a\r\nx: y"s, "a\nb"s, "a\0b"s, "a\rb"s, "\x7f"s}) {
    CHECK(write_request_head("GET", "/", {{"name", evil}}).error().code == "bad_header");
    CHECK(write_request_head("GET", "/", {{evil, "v"}}).error().code == "bad_header");
    CHECK(write_request_head("GET", "/" + evil, {}).error().code == "bad_header");
    CHECK(write_answer_head(200, {{"name", evil}}).error().code == "bad_header");
  }
  CHECK(!write_request_head("GE T", "/", {}));
  CHECK(!write_request_head("", "/", {}));
  CHECK(!write_request_head("GET", "/a b", {}));
  CHECK(!write_request_head("GET", "", {}));
  CHECK(!write_request_head("GET", "/", {{"", "v"}}));
  CHECK(!write_request_head("GET", "/", {{"a:b", "v"}}));
  CHECK(write_request_head("GET", "/", {{"name", "t\tb \xc3\xa9"}}));
}

TEST_CASE("the three forms of a date") {
  CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777);
  CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == 784111777);
  CHECK(parse_http_date("Sun Nov  6 08:49:37 1994") == 784111777);
  CHECK(http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  for (std::string_view text : {"", "soon", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 25:00:00 GMT",
                                "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(text);
    CHECK(!parse_http_date(text));
  }
}

TEST_CASE("Retry-After in seconds or as a date") {
  CHECK(parse_retry_after_ms("3", 0) == 3000);
  CHECK(parse_retry_after_ms(" 0 ", 0) == 0);
  CHECK(parse_retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", 784111770) == 7000);
  CHECK(parse_retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", 784111790) == 0);
  CHECK(!parse_retry_after_ms("-1", 0));
  CHECK(!parse_retry_after_ms("1.5", 0));
  CHECK(!parse_retry_after_ms("99999999999999999999", 0));
  CHECK(parse_retry_after_ms("9999999999999", 0) == 366ll * 86400 * 1000);
}

TEST_CASE("RateLimit asks to wait only where nothing is left") {
  CHECK(parse_rate_limit_ms("\"api\";r=0;t=12") == 12000);
  CHECK(!parse_rate_limit_ms("\"api\";r=1;t=12"));
  CHECK(parse_rate_limit_ms("\"a\";r=0;t=2, \"b\"; r=0; t=5") == 5000);
  CHECK(!parse_rate_limit_ms("\"api\";t=12"));
  CHECK(!parse_rate_limit_ms(";;,,r=,t="));
  CHECK(wait_asked_ms({{"RateLimit", "\"api\";r=0;t=2"}, {"Retry-After", "1"}}, 0) == 2000);
  CHECK(wait_asked_ms({{"Retry-After", "1"}}, 0) == 1000);
  CHECK(wait_asked_ms({}, 0) == -1);
}

TEST_CASE("fields are found without case") {
  Headers headers{{"ETag", "\"a\""}, {"x", "1"}, {"X", "2"}};
  CHECK(headers.find("etag") == "\"a\"");
  headers.set("X", "3");
  CHECK(headers.size() == 2);
  CHECK(headers.value_or("y", "none") == "none");
}

}  // namespace headrace
