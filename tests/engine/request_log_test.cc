#include "engine/request_log.h"

#include <doctest/doctest.h>

namespace headrace {
namespace {

std::string command_of(const Headers& headers, const Body& body, std::string_view address) {
  Url url = *Url::parse(address);
  return curl_command({.stage = "part",
                       .subject = {},
                       .method = "PUT",
                       .url = url,
                       .headers = headers,
                       .body = body});
}

}  // namespace

TEST_CASE("a request is told without its secrets") {
  Headers headers{{"host", "h"},
                  {"Authorization", "Bearer hf_abcdefgh"},
                  {"x-amz-security-token", "topsecret"},
                  {"content-type", "text/plain"}};
  const std::string body = "{\"token\":\"hf_abcdefgh\",\"x\":\"$(y)\"}";
  std::string command = command_of(headers, Body(body), "http://h/a?X-Amz-Signature=0123");
  const std::string expected =
      "curl -X PUT -H \"Authorization: <SECRET>\" -H \"x-amz-security-token: <SECRET>\" "
      "-H \"content-type: text/plain\" --data-raw "
      "\"{\\\"token\\\":\\\"hf_***\\\",\\\"x\\\":\\\"\\$(y)\\\"}\" "
      "\"http://h/a?…\"";
  CHECK(command == expected);
}

TEST_CASE("a long body is told by its size") {
  std::string command = command_of({}, Body(std::string(5000, 'x')), "http://h/a");
  CHECK(command == R"(curl -X PUT --data-binary @5000-BYTES "http://h/a")");
  CHECK(command_of({}, Body(), "http://h/a") == R"(curl -X PUT "http://h/a")");
}

TEST_CASE("a proxy is told without its credentials") {
  Url url = *Url::parse("http://h/a");
  Headers headers;
  Body body;
  auto command_by = [&](std::string_view address) {
    ProxyServer proxy = *ProxyServer::parse(address, "X");
    return curl_command({.stage = "part",
                         .subject = {},
                         .method = "GET",
                         .url = url,
                         .headers = headers,
                         .body = body,
                         .proxy = &proxy});
  };
  CHECK(command_by("p:3128") == R"(curl -X GET -x "http://p:3128" "http://h/a")");
  CHECK(command_by("https://u:secretword@p") ==
        R"(curl -X GET -x "https://p" -U "<SECRET>" "http://h/a")");
}

TEST_CASE("an outcome names status, time, id and connection") {
  std::vector<std::string> told;
  RequestLog log(2, [&told](std::string line) { told.push_back(std::move(line)); }, nullptr);
  Url url = *Url::parse("http://h/a");
  Headers headers;
  Body body;
  HttpLeg leg{.stage = "whoami",
              .subject = {},
              .method = "GET",
              .url = url,
              .headers = headers,
              .body = body};
  leg.number = log.request_begins(leg);
  leg.connection = log.connected({.host = "h:80", .address = "192.0.2.1:80", .sealed_with = {}});
  leg.ended = leg.begun + 12ms;
  log.request_ended(leg, HttpAnswer{.status = 200,
                                    .headers = {{"x-request-id", "r-1"}},
                                    .body = "{}",
                                    .final_url = url,
                                    .address = {}});
  log.request_ended(leg, fail(make_error(ErrorClass::retry, "stalled", "h took no bytes")));
  REQUIRE(told.size() == 4);
  CHECK(told[1] == "connection 1: h:80 at 192.0.2.1:80");
  CHECK(told[2] == "request 1: 200 in 12 ms, request id r-1, 2 bytes, connection 1 (new)");
  CHECK(told[3] == "request 1: no answer in 12 ms: h took no bytes (stalled), connection 1 (new)");
}

TEST_CASE("what connections are sealed with is told once for each host") {
  std::vector<std::string> told;
  RequestLog log(1, [&told](std::string line) { told.push_back(std::move(line)); }, nullptr);
  const HttpLink first{
      .host = "h:443", .address = "192.0.2.1:443", .sealed_with = "TLSv1.3 with A"};
  CHECK(log.connected(first) == 1);
  CHECK(log.connected({.host = "h:443", .address = "[::1]:443", .sealed_with = "TLSv1.3 with A"}) ==
        2);
  log.connected({.host = "plain:80", .address = "192.0.2.1:80", .sealed_with = {}});
  log.connected({.host = "h:443", .address = "[::1]:443", .sealed_with = "TLSv1.2 with B"});
  CHECK(told ==
        std::vector<std::string>{"TLS to h:443: TLSv1.3 with A", "TLS to h:443: TLSv1.2 with B"});
}

}  // namespace headrace
