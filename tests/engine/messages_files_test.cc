#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "engine/hub/messages.h"

namespace headrace {
namespace {

using nlohmann::json;

const std::string sha1(40, 'b');
const std::string sha256(64, 'c');

json entry(const char* path, const char* mode = "regular") {
  return {{"path", path}, {"uploadMode", mode}, {"shouldIgnore", false}, {"oid", sha1}};
}

Result<std::vector<PreuploadAnswer>> preupload(const json& files) {
  const PreuploadFile asked[] = {{.path = "a", .size = 3}, {.path = "b", .size = 0}};
  return parse_preupload(json{{"files", files}}.dump(), asked);
}

json commit() {
  return {{"success", true},
          {"commitOid", sha1},
          {"commitUrl", "http://h/ns/r/commit/" + sha1},
          {"pullRequestUrl", "http://h/ns/r/discussions/12"}};
}

}  // namespace

TEST_CASE("preupload shows the beginning of each file") {
  const PreuploadFile files[] = {
      {.path = "a.txt", .sample = "hello\n", .size = 6},
      {.path = "e", .sample = "", .size = 0},
      {.path = "big", .sample = std::string(600, 'x'), .size = 1ULL << 50}};
  const json body = json::parse(preupload_body(files, std::nullopt));
  CHECK(body["files"][0] == json{{"path", "a.txt"}, {"sample", "aGVsbG8K"}, {"size", 6}});
  CHECK(body["files"][1]["sample"] == "");
  CHECK(body["files"][2]["sample"].get<std::string>().size() == (512 + 2) / 3 * 4);
  CHECK(body["files"][2]["size"] == 1ULL << 50);
  CHECK_FALSE(body.contains("gitIgnore"));
  CHECK(json::parse(preupload_body({}, "*.log\n\xff"))["gitIgnore"] == "*.log\n\xef\xbf\xbd");
}

TEST_CASE("preupload is answered for every file, in our order") {
  json a = entry("a", "lfs");
  a["oid"] = sha256;
  a["shouldIgnore"] = true;
  json b = entry("b", "lfs");
  b["oid"] = nullptr;
  const std::vector<PreuploadAnswer> answers = preupload({b, entry("unasked"), a}).value();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].mode == UploadMode::lfs);
  CHECK(answers[0].should_ignore);
  CHECK(answers[0].oid == sha256);
  // An empty file is regular whatever the server says.
  CHECK(answers[1].mode == UploadMode::regular);
  CHECK(answers[1].oid.empty());
}

TEST_CASE("a preupload answer that is not whole is refused") {
  const auto broken = [](const char* field, const json& value) {
    json a = entry("a");
    a[field] = value;
    Result<std::vector<PreuploadAnswer>> answers = preupload({a, entry("b")});
    REQUIRE_MESSAGE(!answers.has_value(), field, value.dump());
    CHECK(answers.error().code == "bad_answer");
    return answers.error();
  };
  CHECK(preupload({entry("a"), entry("b")}).has_value());
  CHECK(broken("uploadMode", "xet").path == "a");
  broken("uploadMode", nullptr);
  broken("shouldIgnore", nullptr);
  broken("shouldIgnore", "false");
  broken("oid", "abc");
  broken("oid", 5);
  broken("path", 5);
  broken("path", "b");
  CHECK(preupload(json::array({entry("a")})).error().path == "b");
  CHECK_FALSE(preupload({entry("a"), entry("b"), 7}).has_value());
  CHECK_FALSE(preupload({{"a", 1}}).has_value());
  CHECK_FALSE(parse_preupload("{}", {}).has_value());
  CHECK_FALSE(parse_preupload("[]", {}).has_value());
}

TEST_CASE("a commit is named by its id and address, a pull request by its number") {
  CommitAnswer answer = parse_commit(commit().dump(), false).value();
  CHECK(answer.oid == sha1);
  CHECK(answer.url == "http://h/ns/r/commit/" + sha1);
  CHECK(answer.pull_request_number == 0);
  answer = parse_commit(commit().dump(), true).value();
  CHECK(answer.pull_request_number == 12);
  CHECK(answer.pull_request_url == "http://h/ns/r/discussions/12");
  const auto broken = [](const char* field, const json& value) {
    json body = commit();
    body[field] = value;
    CHECK_MESSAGE(parse_commit(body.dump(), true).error().code == "bad_answer", field,
                  value.dump());
  };
  broken("commitOid", "abc");
  broken("commitOid", nullptr);
  broken("commitUrl", "/ns/r/commit/1");
  broken("commitUrl", 1);
  broken("pullRequestUrl", nullptr);
  broken("pullRequestUrl", "http://h/ns/r/discussions/");
  broken("pullRequestUrl", "http://h/ns/r/discussions/1x");
  broken("pullRequestUrl", "http://h/ns/r/discussions/0");
  broken("pullRequestUrl", "http://h/ns/r/discussions/99999999999");
  broken("pullRequestUrl", "http://h/ns/r");
}

TEST_CASE("a page of a tree") {
  const json page = {
      {{"type", "file"},
       {"path", "a.bin"},
       {"size", 5},
       {"oid", sha1},
       {"lfs", {{"oid", sha256}, {"size", 5}, {"pointerSize", 131}}}},
      {{"type", "directory"}, {"path", "sub"}, {"oid", sha1}, {"size", 0}},
      {{"type", "file"}, {"path", "sub/t"}, {"size", 1}, {"oid", sha1}, {"lfs", nullptr}}};
  const std::vector<TreeEntry> entries = parse_tree_page(page.dump()).value();
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].is_file);
  CHECK(entries[0].lfs_oid == sha256);
  CHECK(entries[0].size == 5);
  CHECK_FALSE(entries[1].is_file);
  CHECK(entries[2].lfs_oid.empty());
  CHECK(parse_tree_page("[]").value().empty());
  for (const char* field : {"type", "path", "oid", "size"}) {
    json broken = page;
    broken[0].erase(field);
    CHECK_MESSAGE(parse_tree_page(broken.dump()).error().code == "bad_answer", field);
  }
  for (const char* bad :
       {"{}", "[1]", "[null]", "", R"([{"type":"file","path":"a","oid":"b","size":-1}])",
        R"([{"type":"file","path":"a","oid":"b","size":1,"lfs":{"oid":"x"}}])"}) {
    CHECK_MESSAGE(parse_tree_page(bad).error().code == "bad_answer", bad);
  }
}

TEST_CASE("the next page stands in Link") {
  CHECK(next_page("<http://h/x?c=1,2>; rel=\"next\"") == "http://h/x?c=1,2");
  CHECK(next_page("<http://h/a>; rel=\"prev\", <http://h/b>;rel=next") == "http://h/b");
  CHECK(next_page("<http://h/a>; title=\"t\"; rel=\"next\", <http://h/b>; rel=last") ==
        "http://h/a");
  for (const char* none :
       {"", "<", "<a", ">;rel=next", "<http://h/a>", "<http://h/a>; rel=\"xet-auth\"",
        "<http://h/a>; rel=nextone", "rel=next"}) {
    CHECK_MESSAGE(!next_page(none).has_value(), none);
  }
}

}  // namespace headrace
