#include "net/http_parser.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "io/prng.h"

namespace headrace {
namespace {

using Direction = HttpParser::Direction;
using Event = HttpParser::Event;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// What one message turned into.
struct Read {
  std::string events;  // i(nterim), h(ead), c(omplete), e(rror)
  std::string body;
  HttpHead head;
  std::string error;
  std::size_t consumed = 0;
};

// Feeds `text` in pieces of `piece` bytes until the message is complete, then the end of it all.
Read read_message(Direction direction, std::string_view text, std::size_t piece,
                  bool answers_head = false, HttpParser::Limits limits = {}) {
  HttpParser parser(direction, limits);
  parser.start(answers_head);
  Read read;
  std::size_t given = 0;
  while (true) {
    std::size_t end = std::min(text.size(), given + piece);
    given = end;
    while (true) {
      Result<HttpParser::Step> step =
          parser.feed(bytes_of(text.substr(read.consumed, end - read.consumed)));
      if (!step) {
        read.events += 'e';
        read.error = step.error().code;
        return read;
      }
      read.consumed += step->consumed;
      if (step->event == Event::interim) read.events += 'i';
      if (step->event == Event::head) read.events += 'h', read.head = parser.head();
      if (step->event == Event::body) {
        read.body +=
            std::string_view(reinterpret_cast<const char*>(step->body.data()), step->body.size());
      }
      if (step->event == Event::complete) {
        read.events += 'c';
        return read;
      }
      if (step->event == Event::need_more) break;
    }
    CHECK(read.consumed == end);
    if (given < text.size()) continue;
    Status finished = parser.finish();
    if (!finished) read.error = finished.error().code;
    read.events += finished ? 'c' : 'e';
    return read;
  }
}

// The same whatever the pieces; returns the reading in one piece.
Read read_all(Direction direction, std::string_view text, bool answers_head = false) {
  Read whole = read_message(direction, text, text.size() + 1, answers_head);
  for (std::size_t piece = 1; piece <= 7; ++piece) {
    Read parts = read_message(direction, text, piece, answers_head);
    CAPTURE(text);
    CHECK(parts.events == whole.events);
    CHECK(parts.error == whole.error);
    CHECK(parts.body == whole.body);
    if (parts.error.empty()) CHECK(parts.consumed == whole.consumed);
  }
  return whole;
}

std::string error_of(Direction direction, std::string_view text) {
  return read_all(direction, text).error;
}

constexpr Direction an_answer = Direction::answer;
constexpr Direction a_request = Direction::request;

}  // namespace

TEST_CASE("an answer with a length") {
  Read read = read_all(an_answer,
                       "HTTP/1.1 200 OK\r\nETag:  \"a\" \r\nEmpty:\r\nContent-Length: 5\r\n\r\n"
                       "helloHTTP/1.1 ");
  CHECK(read.events == "hc");
  CHECK(read.body == "hello");
  CHECK(read.head.status == 200);
  CHECK(read.head.headers.find("etag") == "\"a\"");
  CHECK(read.head.headers.find("empty") == "");
  CHECK(read.head.content_length == 5);
  CHECK(read.head.keep_alive);
}

TEST_CASE("an answer in chunks, with an extension and a trailer") {
  Read read = read_all(an_answer,
                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
                       "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n");
  CHECK(read.events == "hc");
  CHECK(read.body == "hello!");
  CHECK(read.head.chunked);
  CHECK(!read.head.headers.find("x-sum"));
}

TEST_CASE("an answer that lasts until the connection closes") {
  Read read = read_all(an_answer, "HTTP/1.1 200 OK\r\n\r\nall of it");
  CHECK(read.events == "hc");
  CHECK(read.body == "all of it");
  CHECK(!read.head.keep_alive);
}

TEST_CASE("answers without a body") {
  CHECK(read_all(an_answer, "HTTP/1.1 204 No Content\r\n\r\nHTTP").events == "hc");
  CHECK(read_all(an_answer, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n").events ==
        "hc");
  Read head = read_all(an_answer, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true);
  CHECK(head.events == "hc");
  CHECK(head.head.content_length == 9);
  CHECK(head.head.keep_alive);
  CHECK(read_all(an_answer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").events == "hc");
}

TEST_CASE("interim answers are told and skipped") {
  Read read = read_all(an_answer,
                       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                       "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
  CHECK(read.events == "iihc");
  CHECK(read.head.status == 201);
  CHECK(!read.head.headers.find("link"));
  CHECK(read.body == "ok");
  CHECK(error_of(an_answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n") ==
        "bad_http");
}

TEST_CASE("keep-alive by version and field") {
  CHECK(!read_all(an_answer, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
             .head.keep_alive);
  CHECK(!read_all(an_answer, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").head.keep_alive);
  CHECK(
      read_all(an_answer, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n")
          .head.keep_alive);
}

TEST_CASE("a request with a body") {
  Read read = read_all(a_request,
                       "\r\nPUT /a%20b?c HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                       "Content-Length: 3\r\n\r\nabcGET");
  CHECK(read.events == "hc");
  CHECK(read.head.method == "PUT");
  CHECK(read.head.target == "/a%20b?c");
  CHECK(read.head.expects_continue);
  CHECK(read.body == "abc");
  Read upgrade = read_all(a_request,
                          "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                          "Upgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n");
  CHECK(upgrade.events == "hc");
  CHECK(read_all(a_request,
                 "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3\r\nabc\r\n0\r\n\r\n")
            .body == "abc");
}

TEST_CASE("messages that can be read in two ways are refused") {
  std::string_view both =
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\n";
  CHECK(error_of(a_request, both) == "bad_http");
  CHECK(error_of(a_request,
                 "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                 "Content-Length: 3\r\n\r\n0\r\n\r\n") == "bad_http");
  CHECK(error_of(an_answer,
                 "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"
                 "\r\n0\r\n\r\n") == "bad_http");
  for (std::string_view fields : {"Content-Length: 3\r\nContent-Length: 4\r\n",
                                  "Content-Length: 3, 4\r\n",
                                  "Content-Length: +3\r\n",
                                  "Content-Length: 0x3\r\n",
                                  "Content-Length: \r\n",
                                  "Content-Length: 99999999999999999999\r\n",
                                  "Content-Length : 3\r\n",
                                  "Transfer-Encoding: gzip, chunked\r\n",
                                  "Transfer-Encoding: xchunked\r\n",
                                  "Transfer-Encoding: chunked, identity\r\n",
                                  "Transfer-Encoding: identity\r\n",
                                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                                  "X: a\rY: b\r\n",
                                  "X: a\nY: b\r\n",
                                  "X: a\r\n folded\r\n",
                                  " X: a\r\n",
                                  "X a\r\n",
                                  ": a\r\n",
                                  "X\x01: a\r\n",
                                  "X: a\x01\r\n",
                                  "Host: again\r\n"}) {
    CAPTURE(fields);
    std::string text = "POST / HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\nabc0\r\n\r\n";
    CHECK(error_of(a_request, text) == "bad_http");
  }
}

TEST_CASE("malformed chunks") {
  for (std::string_view body :
       {"x\r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "3\r\nabcX\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "3 \rabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n"}) {
    CAPTURE(body);
    std::string text =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
    CHECK(error_of(a_request, text) == "bad_http");
  }
}

TEST_CASE("no HTTP at all") {
  for (std::string_view text :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/0.9 200 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n", "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "<html>\n"}) {
    CAPTURE(text);
    CHECK(error_of(an_answer, text) == "bad_http");
  }
  CHECK(error_of(a_request, "GET / HTTP/1.1\r\n\r\n") == "bad_http");
  CHECK(error_of(a_request, "FOO / HTTP/1.1\r\nHost: h\r\n\r\n") == "bad_http");
  CHECK(error_of(a_request, "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n") == "bad_http");
  CHECK(read_all(a_request, "GET / HTTP/1.0\r\n\r\n").events == "hc");
}

TEST_CASE("a connection that closes too early") {
  CHECK(error_of(an_answer, "") == "connection_closed");
  CHECK(error_of(an_answer, "HTTP/1.1 200") == "connection_closed");
  CHECK(error_of(an_answer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell") ==
        "connection_closed");
  CHECK(
      error_of(an_answer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n") ==
      "connection_closed");
  CHECK(error_of(an_answer, "HTTP/1.1 100 Continue\r\n\r\n") == "connection_closed");
}

TEST_CASE("bounds on line, head, fields and extras") {
  auto read = [](std::string_view text, HttpParser::Limits limits) {
    return read_message(an_answer, text, 1000, false, limits).error;
  };
  std::string line =
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + std::string(100, 'a') + "\r\n\r\n";
  CHECK(read(line, {.line_size_max = 103}) == "");
  CHECK(read(line, {.line_size_max = 102}) == "http_limit");
  CHECK(read(line, {.head_size_max = line.size()}) == "");
  CHECK(read(line, {.head_size_max = line.size() - 1}) == "http_limit");
  CHECK(read(line, {.fields_max = 2}) == "");
  CHECK(read(line, {.fields_max = 1}) == "http_limit");
  std::string chunks =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: " + std::string(100, 'a') +
      "\r\n\r\n";
  CHECK(read(chunks, {.extras_size_max = 101}) == "");
  CHECK(read(chunks, {.extras_size_max = 100}) == "http_limit");
  CHECK(read(std::string(100'000, '\r'), {}) == "bad_http");
  CHECK(read(std::string(100'000, 'a'), {}) == "bad_http");
}

TEST_CASE("noise never does more than fail") {
  std::string_view seedling =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n";
  std::string_view alphabet = "\r\n\t :;,=0159afHTP/.chunked\x80\x01";
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Prng prng(seed);
    std::string text(seedling);
    for (std::uint64_t change = 1 + prng.below(4); change > 0; --change) {
      text[prng.below(text.size())] = alphabet[prng.below(alphabet.size())];
    }
    CAPTURE(seed);
    Read whole = read_message(an_answer, text, text.size());
    Read parts = read_message(an_answer, text, 1 + prng.below(9));
    CHECK(whole.events == parts.events);
    CHECK(whole.error == parts.error);
    if (whole.error.empty()) CHECK(whole.body == parts.body);
  }
}

}  // namespace headrace
