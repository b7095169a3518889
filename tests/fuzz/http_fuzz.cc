// The HTTP parser in both directions: however the bytes are cut, the same messages come out.
#include <string>
#include <vector>

#include "io/prng.h"
#include "net/http_parser.h"
#include "tests/fuzz/fuzz.h"

namespace headrace {
namespace {

// What a reader of the parser sees; bodies are joined, as their pieces depend on the cuts.
struct Seen {
  std::vector<std::string> events;
  bool in_body = false;

  void add(std::string text) {
    in_body = false;
    events.push_back(std::move(text));
  }
  void add_body(std::span<const std::byte> bytes) {
    if (!in_body) events.emplace_back("body ");
    in_body = true;
    events.back().append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
};

std::string text_of(const HttpHead& head) {
  std::string text = head.method + " " + head.target + " " + std::to_string(head.status);
  text += head.chunked ? " chunked" : "";
  text += head.keep_alive ? " keep" : "";
  text += head.content_length ? " " + std::to_string(*head.content_length) : "";
  for (const auto& [name, value] : head.headers) {
    MUST(is_http_token(name) && is_field_value(value));
    text += "\n" + name + ":" + value;
  }
  return text;
}

struct Reading {
  HttpParser parser;
  bool answers_head;
  Seen seen;
  bool over = false;

  void feed(std::span<const std::byte> bytes) {
    std::size_t standing = 0;
    while (!over) {
      Result<HttpParser::Step> step = parser.feed(bytes);
      if (!step) return fail_with(step.error());
      MUST(step->consumed <= bytes.size());
      standing = step->consumed == 0 ? standing + 1 : 0;
      MUST(standing < 4);
      bytes = bytes.subspan(step->consumed);
      switch (step->event) {
        case HttpParser::Event::need_more:
          MUST(bytes.empty());
          return;
        case HttpParser::Event::interim:
          seen.add("interim " + std::to_string(parser.head().status));
          break;
        case HttpParser::Event::head:
          seen.add(text_of(parser.head()));
          break;
        case HttpParser::Event::body:
          seen.add_body(step->body);
          break;
        case HttpParser::Event::complete:
          seen.add("complete");
          parser.start(answers_head);
          if (bytes.empty()) return;
          break;
      }
    }
  }
  void fail_with(const Error& error) {
    MUST(error.code == "bad_http" || error.code == "http_limit" || error.code == "tls_wanted");
    seen.add("error");
    over = true;
  }
  void finish() {
    if (over) return;
    Status finished = parser.finish();
    seen.add(finished ? "end" : finished.error().code);
  }
};

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace headrace;
  std::string_view input = text_of_input(data, size);
  unsigned flags = take_byte(input);
  Prng cuts(take_byte(input));
  auto direction =
      (flags & 1) != 0 ? HttpParser::Direction::request : HttpParser::Direction::answer;
  bool answers_head = (flags & 2) != 0;
  HttpParser::Limits limits;
  if ((flags & 4) != 0) limits = {200, 80, 5, 50};
  auto bytes = std::as_bytes(std::span(input));
  Reading whole{HttpParser(direction, limits), answers_head, {}};
  Reading cut{HttpParser(direction, limits), answers_head, {}};
  whole.parser.start(answers_head);
  cut.parser.start(answers_head);
  whole.feed(bytes);
  while (!bytes.empty()) {
    std::size_t part = std::min<std::size_t>(bytes.size(), 1 + cuts.next() % 13);
    cut.feed(bytes.first(part));
    bytes = bytes.subspan(part);
  }
  whole.finish();
  cut.finish();
  // Which of two faults is named may depend on the cuts, and whether a head before one was seen.
  bool failed = !whole.seen.events.empty() && whole.seen.events.back() == "error";
  bool cut_failed = !cut.seen.events.empty() && cut.seen.events.back() == "error";
  MUST(failed == cut_failed);
  MUST(whole.seen.events == cut.seen.events);
  return 0;
}
