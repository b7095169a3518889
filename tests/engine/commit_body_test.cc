#include "engine/hub/commit_body.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "engine/base64.h"

namespace headrace {
namespace {

// Sends a body as the wire would: content comes in pieces of at most `piece_max` bytes.
std::string send(CommitBody& body, const std::vector<std::string>& contents,
                 std::size_t piece_max) {
  std::string sent;
  for (;;) {
    switch (body.step()) {
      case CommitBody::Step::text:
        sent += body.take_text();
        break;
      case CommitBody::Step::content: {
        const std::string& content = contents[body.operation()];
        const std::string piece = content.substr(body.offset(), piece_max);
        Status fed = body.feed(std::as_bytes(std::span(piece)), sent);
        REQUIRE(fed.has_value());
        break;
      }
      case CommitBody::Step::done:
        return sent;
    }
  }
}

std::vector<nlohmann::json> lines_of(const std::string& text) {
  std::vector<nlohmann::json> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    REQUIRE(end != std::string::npos);
    nlohmann::json line = nlohmann::json::parse(text.substr(begin, end - begin), nullptr, false);
    REQUIRE_FALSE(line.is_discarded());
    lines.push_back(line);
    begin = end + 1;
  }
  return lines;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

TEST_CASE("base64 as the RFC has it, in any pieces") {
  CHECK(base64_encode("") == "");
  CHECK(base64_encode("f") == "Zg==");
  CHECK(base64_encode("fo") == "Zm8=");
  CHECK(base64_encode("foo") == "Zm9v");
  CHECK(base64_encode("foob") == "Zm9vYg==");
  CHECK(base64_encode("fooba") == "Zm9vYmE=");
  CHECK(base64_encode("foobar") == "Zm9vYmFy");
  CHECK(base64_encode("\xff\xfe\xfb\x00") == base64_encode("\xff\xfe\xfb"));
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::string whole = base64_encode(all);
  CHECK(whole.size() == base64_size(all.size()));
  for (std::size_t first = 0; first < 12; ++first) {
    for (std::size_t second = first; second < 24; ++second) {
      Base64Encoder encoder;
      std::string text;
      encoder.update(bytes_of(all.substr(0, first)), text);
      encoder.update(bytes_of(all.substr(first, second - first)), text);
      encoder.update(bytes_of(all.substr(second)), text);
      encoder.finish(text);
      CHECK(text == whole);
    }
  }
}

TEST_CASE("a commit has a line for everything, and the length that was foretold") {
  const std::vector<std::string> contents = {"", std::string("\0\xff\n\"x", 5), "", "", "", "abc"};
  CommitBody body(
      {.summary = "Say \"hi\"\n\\ \x01 \xc3\xa9", .description = "", .parent_commit = "ab12345"},
      {{.verb = CommitVerb::file, .path = "empty.txt", .size = 0},
       {.verb = CommitVerb::file, .path = "a \"b\"\n\xc3\xa9", .size = 5},
       {.verb = CommitVerb::lfs_file, .path = "l.bin", .size = 7, .oid = "ee"},
       {.verb = CommitVerb::deleted_file, .path = "gone"},
       {.verb = CommitVerb::deleted_folder, .path = "dir/"},
       {.verb = CommitVerb::file, .path = "z", .size = 3}});
  const std::string sent = send(body, contents, 2);
  CHECK(sent.size() == body.size());
  const std::vector<nlohmann::json> lines = lines_of(sent);
  REQUIRE(lines.size() == 7);
  CHECK(lines[0]["key"] == "header");
  CHECK(lines[0]["value"]["summary"] == "Say \"hi\"\n\\ \x01 \xc3\xa9");
  CHECK(lines[0]["value"]["description"] == "");
  CHECK(lines[0]["value"]["parentCommit"] == "ab12345");
  CHECK(
      lines[1] ==
      nlohmann::json{{"key", "file"},
                     {"value", {{"content", ""}, {"path", "empty.txt"}, {"encoding", "base64"}}}});
  CHECK(lines[2]["value"]["content"] == base64_encode(contents[1]));
  CHECK(lines[2]["value"]["path"] == "a \"b\"\n\xc3\xa9");
  CHECK(lines[3] ==
        nlohmann::json{
            {"key", "lfsFile"},
            {"value", {{"path", "l.bin"}, {"algo", "sha256"}, {"oid", "ee"}, {"size", 7}}}});
  CHECK(lines[4] == nlohmann::json{{"key", "deletedFile"}, {"value", {{"path", "gone"}}}});
  CHECK(lines[5] == nlohmann::json{{"key", "deletedFolder"}, {"value", {{"path", "dir/"}}}});
  CHECK(lines[6]["value"]["content"] == "YWJj");
}

TEST_CASE("a rewound body sends the same again, from wherever it stopped") {
  const std::vector<std::string> contents = {std::string(1000, 'q'), "xy"};
  CommitBody body({.summary = "s"}, {{.verb = CommitVerb::file, .path = "a", .size = 1000},
                                     {.verb = CommitVerb::file, .path = "b", .size = 2}});
  const std::string whole = send(body, contents, 7);
  CHECK(whole.size() == body.size());
  CHECK(whole.find("parentCommit") == std::string::npos);
  body.rewind();
  std::string part = body.take_text();
  REQUIRE(body.feed(bytes_of("qqqq"), part).has_value());
  body.rewind();
  CHECK(send(body, contents, 999) == whole);
}

TEST_CASE("a commit without operations is its header") {
  CommitBody body({.summary = "s"}, {});
  const std::string sent = send(body, {}, 1);
  CHECK(sent.size() == body.size());
  CHECK(lines_of(sent).size() == 1);
  CHECK(body.step() == CommitBody::Step::done);
}

TEST_CASE("a long list of deletions comes in pieces") {
  std::vector<CommitOperation> operations(20'000,
                                          {.verb = CommitVerb::deleted_file, .path = "some/path"});
  CommitBody body({.summary = "s"}, operations);
  std::size_t pieces = 0;
  std::size_t bytes = 0;
  while (body.step() == CommitBody::Step::text) {
    const std::string text = body.take_text();
    CHECK(text.size() < 70'000);
    bytes += text.size();
    ++pieces;
  }
  CHECK(bytes == body.size());
  CHECK(pieces > 10);
}

TEST_CASE("a file that grew or shrank fails the commit") {
  const auto feed = [](const std::string& bytes) {
    CommitBody body({.summary = "s"}, {{.verb = CommitVerb::file, .path = "a", .size = 3}});
    std::string out = body.take_text();
    return body.feed(bytes_of(bytes), out);
  };
  CHECK(feed("abc").has_value());
  CHECK(feed("").error().code == "source_changed");
  CHECK(feed("abcd").error().code == "source_changed");
  CHECK(feed("abcd").error().kind == ErrorClass::changed);
  CHECK(feed("abcd").error().path == "a");
}

TEST_CASE("the size of a commit needs no contents") {
  const CommitOperation huge = {.verb = CommitVerb::file, .path = "a", .size = 3'000'000'000'000};
  CHECK(commit_body_size({.summary = "s"}, std::span(&huge, 1)) > 4'000'000'000'000);
}

}  // namespace headrace
