// http_bench.cc: reading and writing the heads that an upload exchanges by the thousand.
#include <string>

#include <benchmark/benchmark.h>

#include "net/http_parser.h"

namespace headrace {
namespace {

// An answer to a part, as an object store sends it.
constexpr std::string_view part_answer =
    "HTTP/1.1 200 OK\r\n"
    "x-amz-id-2: Wn0aTmqLqZ1xVbKkZC8nJ5m2pOe3sYh7Q9uRfG4tXcB6vD0iLsAqEwNjHyUzPkM\r\n"
    "x-amz-request-id: 4G9K1ZQ2T8S7R6P5\r\n"
    "Date: Wed, 25 Nov 2026 14:00:00 GMT\r\n"
    "ETag: \"9b2cf535f27731c974343645a3985328\"\r\n"
    "Server: AmazonS3\r\n"
    "Content-Length: 0\r\n"
    "\r\n";

void parse(HttpParser& parser, std::string_view message) {
  std::span<const std::byte> left = std::as_bytes(std::span(message));
  parser.start();
  for (bool complete = false; !complete;) {
    Result<HttpParser::Step> step = parser.feed(left);
    left = left.subspan(step->consumed);
    complete = step->event == HttpParser::Event::complete;
  }
  benchmark::DoNotOptimize(parser.head().status);
}

void parse_part_answer(benchmark::State& state) {
  HttpParser parser(HttpParser::Direction::answer);
  for (auto _ : state) parse(parser, part_answer);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(part_answer.size()));
}
BENCHMARK(parse_part_answer);

// A batch answer for many parts comes as a long body.
void parse_body(benchmark::State& state) {
  std::string message = "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n";
  message.append(1048576, 'x');
  HttpParser parser(HttpParser::Direction::answer);
  for (auto _ : state) parse(parser, message);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * 1048576);
}
BENCHMARK(parse_body);

void write_part_head(benchmark::State& state) {
  Headers headers;
  headers.set("host", "bucket.example");
  headers.set("user-agent", "headrace/0.1.0");
  headers.set("accept-encoding", "identity");
  headers.set("content-length", "16777216");
  std::size_t size = 0;
  for (auto _ : state) {
    size = write_request_head("PUT", "/key?partNumber=1&uploadId=x", headers)->size();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}
BENCHMARK(write_part_head);

}  // namespace
}  // namespace headrace
