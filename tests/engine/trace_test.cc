#include "engine/trace.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace headrace {
namespace {

nlohmann::json written(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return nlohmann::json::parse(text.str(), nullptr, false);
}

struct File {
  std::string path = std::filesystem::temp_directory_path() /
                     ("trace_test." + std::to_string(::getpid()) + ".json");
  ~File() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE("spans are written as JSON whatever their names hold") {
  File file;
  {
    auto trace = Trace::open(file.path);
    REQUIRE(trace);
    TraceRow row = (*trace)->row(Trace::lanes, "worker 0 send 1");
    TraceDetails details;
    details.add("path", "a\"b\\c\n\x01").add("bytes", std::uint64_t{7}).add("bad", "\xff\xfe");
    details.add("url", "http://h/x?sig=12345678");
    (*trace)->span(row, "part", "send", Time() + 5us, Time() + 8us, details);
  }
  nlohmann::json events = written(file.path);
  REQUIRE(events.is_array());
  nlohmann::json span = events.back();
  CHECK(span["name"] == "send");
  CHECK(span["ts"] == 5.0);
  CHECK(span["dur"] == 3.0);
  CHECK(span["args"]["path"] == "a\"b\\c\n\\x01");
  CHECK(span["args"]["bytes"] == 7);
  CHECK(span["args"]["bad"] == "(not UTF-8)");
  CHECK(span["args"]["url"] == "http://h/x?…");
  CHECK(events[events.size() - 2]["args"]["name"] == "worker 0 send 1");
}

TEST_CASE("many threads add to one trace") {
  File file;
  constexpr int threads = 4, spans = 5000;
  {
    auto trace = Trace::open(file.path);
    REQUIRE(trace);
    std::vector<std::jthread> adding;
    for (int i = 0; i < threads; ++i) {
      adding.emplace_back([&] {
        TraceRow row = (*trace)->row(Trace::lanes, "lane");
        for (int at = 0; at < spans; ++at) (*trace)->span(row, "c", "s", Time(), Time() + 1us);
      });
    }
  }
  std::size_t found = 0;
  std::size_t left_out = 0;
  for (const auto& event : written(file.path)) {
    found += event["ph"] == "X" ? 1 : 0;
    if (event["name"] == "left_out") left_out = event["args"]["spans"];
  }
  CHECK(found + left_out == threads * spans);
}

TEST_CASE("a trace that can't be written says where") {
  auto trace = Trace::open("/no/such/folder/trace");
  REQUIRE_FALSE(trace);
  CHECK(trace.error().code == "trace_failed");
  CHECK(trace.error().path == "/no/such/folder/trace");
}

}  // namespace headrace
