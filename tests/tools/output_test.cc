#include "tools/headrace/output.h"

#include <cerrno>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace headrace {
namespace {

struct Screen {
  std::string out;
  std::string err;
  Streams streams() {
    return {.out = [this](std::string_view text) { out += text; },
            .err = [this](std::string_view text) { err += text; }};
  }
};

bool says(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

UploadResult result() {
  UploadResult result;
  result.url = "http://h/ns/r/tree/main";
  result.commits.push_back(
      {.oid = "abc", .url = "http://h/ns/r/commit/abc", .summary = "s", .operations = 3});
  result.commit_url = "http://h/ns/r/commit/abc";
  result.totals = {.files = 3,
                   .files_unchanged = 1,
                   .bytes = 2ULL << 30,
                   .retries = 1,
                   .seconds = 4,
                   .cpu_seconds = 1,
                   .memory_peak_bytes = 100 << 20};
  return result;
}

Error broken() {
  Error error = make_error(ErrorClass::retry, "http_status", "the server failed")
                    .at("part")
                    .on_url("PUT", "http://h/p?sig=secret");
  error.host = "h:80";
  error.status = 503;
  error.part = 2;
  error.attempts = 5;
  error.request_id = "r1";
  error.retry_after_ms = 3000;
  return error;
}

constexpr Progress half = {.files_done = 1,
                           .files_total = 2,
                           .bytes_hashed = 50,
                           .bytes_sent = 50,
                           .bytes_to_send = 100,
                           .bytes_total = 100};

}  // namespace

TEST_CASE("for people, standard output carries the URL alone") {
  Screen screen;
  auto output = make_output({}, screen.streams());
  output->event(ScanFinished{.files = 3, .bytes = 2048}, 0);
  output->uploaded(result(), false);
  CHECK(screen.out == "http://h/ns/r/tree/main\n");
  CHECK(says(screen.err, "3 files, 2.0 KiB\n"));
  CHECK(
      says(screen.err, "3 files, 2.0 GiB in 4.0 s, 0.500 GiB/s, 0.50 CPU-s per GiB, peak 100 MiB"));
  CHECK(says(screen.err, "1 retry, 1 unchanged"));
  CHECK(screen.err.ends_with("http://h/ns/r/commit/abc\n"));
}

TEST_CASE("a few kilobytes are not measured by the GiB") {
  Screen screen;
  UploadResult small = result();
  small.totals.bytes = 2000;
  make_output({}, screen.streams())->uploaded(small, false);
  CHECK(says(screen.err, ", 1.00 CPU-s, peak"));
}

TEST_CASE("without a commit the last line is of the one that is there, or of none") {
  Screen screen;
  UploadResult same = result();
  same.commits.clear();
  make_output({}, screen.streams())->uploaded(same, false);
  CHECK(screen.err.ends_with("1 unchanged, http://h/ns/r/commit/abc\n"));
  same.commit_url.clear();
  screen.err.clear();
  make_output({}, screen.streams())->uploaded(same, false);
  CHECK(screen.err.ends_with(", 1 retry, 1 unchanged\n"));
}

TEST_CASE("quiet says the URL, and what went wrong") {
  Screen screen;
  auto output =
      make_output({.format = OutputFormat::quiet, .verbosity = 2, .bars = true}, screen.streams());
  output->event(ScanFinished{.files = 3}, 0);
  output->event(half, 10'000);
  output->event(CommitLanded{.number = 1, .count = 2}, 10'000);
  output->event(Note{.level = NoteLevel::info, .text = "hello"}, 10'000);
  output->uploaded(result(), false);
  CHECK(screen.out == "http://h/ns/r/tree/main\n");
  CHECK(screen.err.empty());
  output->event(FileSkipped{.path = "a", .reason = SkipReason::failed, .detail = "why"}, 10'000);
  CHECK(screen.err == "a: failed: why\n");
}

TEST_CASE("a dry run has no URL and says what it would send") {
  Screen screen;
  auto output = make_output({}, screen.streams());
  output->event(Planned{.files = 2, .bytes = 1024, .parts = 3, .requests = 9, .commits = 1}, 0);
  output->uploaded({}, true);
  CHECK(screen.out.empty());
  CHECK(screen.err ==
        "would send at most 2 files, 1.0 KiB in 3 parts, with about 9 requests and 1 commit\n");
}

TEST_CASE("without a terminal a line comes every five seconds") {
  Screen screen;
  auto output = make_output({}, screen.streams());
  output->event(half, 1000);
  output->tick(5999);
  CHECK(screen.err.empty());
  output->tick(6000);
  CHECK(screen.err == "1/2 files, 50 B of 100 B hashed, 50 B of 100 B sent, 10 B/s\n");
  screen.err.clear();
  output->tick(10'999);
  CHECK(screen.err.empty());
  output->tick(11'000);
  CHECK(says(screen.err, " 5 B/s\n"));
  CHECK_FALSE(says(screen.err, "\x1b"));
  CHECK_FALSE(says(screen.err, "\r"));
}

TEST_CASE("on a terminal a bar is redrawn in one line and cleared for others") {
  Screen screen;
  auto output = make_output({.bars = true, .columns = 50}, screen.streams());
  output->event(half, 1000);
  CHECK(screen.err.starts_with("\r\x1b[K[##########----------]  50%"));
  CHECK(screen.err.size() <= 4 + 49);
  screen.err.clear();
  output->tick(1050);
  CHECK(screen.err.empty());
  output->tick(1100);
  CHECK_FALSE(screen.err.empty());
  screen.err.clear();
  output->note(NoteLevel::warning, "careful");
  CHECK(screen.err == "\r\x1b[Kwarning: careful\n");
}

TEST_CASE("colour only where it is asked for, and never from a file's name") {
  Screen plain;
  make_output({.verbosity = 1}, plain.streams())
      ->event(FileSkipped{.path = "a\x1b[31m\nb", .reason = SkipReason::failed}, 0);
  CHECK(plain.err == "a\\x1b[31m b: failed\n");
  Screen color;
  make_output({.color = true}, color.streams())->failed(broken(), 5);
  CHECK(color.err.starts_with("\x1b[31merror:\x1b[0m the server failed\n"));
}

TEST_CASE("an error for people names place and next step, and no secret") {
  Screen screen;
  make_output({}, screen.streams())->failed(broken(), 5);
  CHECK(screen.out.empty());
  for (const char* part : {"part 2", "PUT http://h/p", "status 503", "request id r1", "5 tries"}) {
    CHECK_MESSAGE(says(screen.err, part), part);
  }
  CHECK_FALSE(says(screen.err, "secret"));
}

TEST_CASE("every line of --json is an object with version, sequence and event") {
  Screen screen;
  auto output = make_output({.format = OutputFormat::json}, screen.streams());
  output->event(ScanFinished{.files = 3, .bytes = 5}, 0);
  output->event(FileHashed{.path = "na\xffme\n", .size = 1}, 0);
  output->event(half, 0);
  output->event(half, 499);
  output->event(PartRetried{.path = "p", .part = 2, .attempt = 1, .error = broken()}, 0);
  output->event(FileSkipped{.path = "a", .reason = SkipReason::ignored_by_server}, 0);
  output->event(CommitLanded{.commit = result().commits[0], .number = 1, .count = 1}, 0);
  output->event(Note{.level = NoteLevel::warning, .text = "token hf_abcdefgh"}, 0);
  output->note(NoteLevel::debug, "for those who ask");
  output->event(Planned{.files = 1}, 0);
  output->event(PartLate{.path = "p",
                         .part = 3,
                         .host = "h:1",
                         .address = "192.0.2.1:1",
                         .seconds = 2.5,
                         .bytes = 7},
                0);
  output->event(ConnectionsChanged{.from = 8, .to = 12, .bytes_per_second = 5, .reason = "r"}, 0);
  output->tick(99'999);
  output->uploaded(result(), false);
  CHECK(screen.err.empty());
  std::vector<nlohmann::json> lines;
  for (std::size_t begin = 0; begin < screen.out.size();) {
    const std::size_t end = screen.out.find('\n', begin);
    lines.push_back(nlohmann::json::parse(screen.out.substr(begin, end - begin)));
    begin = end + 1;
  }
  const char* events[] = {"scan_finished", "file_hashed",         "progress", "part_retried",
                          "file_skipped",  "commit_landed",       "note",     "planned",
                          "part_late",     "connections_changed", "result"};
  REQUIRE(lines.size() == std::size(events));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CHECK(lines[i]["v"] == 1);
    CHECK(lines[i]["seq"] == i + 1);
    CHECK(lines[i]["event"] == events[i]);
  }
  CHECK(lines[1]["path"] == "na\xef\xbf\xbdme\n");
  CHECK(lines[3]["path"] == "p");
  CHECK(lines[3]["code"] == "http_status");
  CHECK(lines[4]["reason"] == "ignored_by_server");
  CHECK(lines[5]["url"] == "http://h/ns/r/commit/abc");
  CHECK(lines[6]["text"] == "token hf_***");
  CHECK(lines[8]["part"] == 3);
  CHECK(lines[8]["host"] == "h:1");
  CHECK(lines[8]["address"] == "192.0.2.1:1");
  CHECK(lines[9]["to"] == 12);
  CHECK(lines[10]["url"] == "http://h/ns/r/tree/main");
  CHECK(lines[10]["commits"][0]["oid"] == "abc");
  CHECK(lines[10]["commit_url"] == "http://h/ns/r/commit/abc");
  CHECK(lines[10]["totals"]["retries"] == 1);
  CHECK(lines[10]["failures"].empty());
}

TEST_CASE("an error in --json has every field of the one error type") {
  Screen screen;
  auto output = make_output({.format = OutputFormat::json}, screen.streams());
  output->failed(broken(), 5);
  const nlohmann::json error = nlohmann::json::parse(screen.out);
  CHECK(error["event"] == "error");
  CHECK(error["exit_code"] == 5);
  CHECK(error["class"] == "retry");
  CHECK(error["code"] == "http_status");
  CHECK(error["stage"] == "part");
  CHECK(error["host"] == "h:80");
  CHECK(error["method"] == "PUT");
  CHECK(error["url"] == "http://h/p");
  CHECK(error["status"] == 503);
  CHECK(error["request_id"] == "r1");
  CHECK(error["part"] == 2);
  CHECK(error["attempts"] == 5);
  CHECK(error["retry_after_ms"] == 3000);
  for (const char* unknown : {"errno", "server_message", "path", "hint"}) {
    REQUIRE_MESSAGE(error.contains(unknown), unknown);
    CHECK(error[unknown].is_null());
  }
}

TEST_CASE("the exit code follows the class, and the stage where the asking was wrong") {
  const auto code = [](ErrorClass kind, const char* stage) {
    return exit_code_of(make_error(kind, "x", "m").at(stage));
  };
  CHECK(code(ErrorClass::fail, "commit") == 1);
  CHECK(code(ErrorClass::changed, "commit") == 1);
  CHECK(code(ErrorClass::limit, "plan") == 1);
  CHECK(code(ErrorClass::retry, "connect") == 5);
  CHECK(code(ErrorClass::expired, "part") == 5);
  CHECK(code(ErrorClass::cancelled, "part") == 130);
  CHECK(code(ErrorClass::fail, "arguments") == 2);
  CHECK(code(ErrorClass::fail, "settings") == 2);
}

TEST_CASE("a finding is a line with a verdict, and one with what to do") {
  Finding found = failed_finding("h:80", "connect", broken());
  found.advice = "start it";
  Screen screen;
  auto people = make_output({}, screen.streams());
  people->finding({.about = "machine", .name = "disk", .text = "fast"});
  people->finding(found);
  CHECK(screen.out ==
        "ok   machine: fast\nfail h:80: the server failed (http_status)\n     start it\n");
  Screen lines;
  make_json_output(0, lines.streams())->finding(found);
  nlohmann::json event = nlohmann::json::parse(lines.out);
  CHECK(event["event"] == "finding");
  CHECK(event["verdict"] == "fail");
  CHECK(event["advice"] == "start it");
  CHECK(event["error"]["status"] == 503);
  CHECK(event["error"]["url"] == "http://h/p");
}

}  // namespace headrace
