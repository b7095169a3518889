#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/hub/messages.h"

namespace headrace {
namespace {

using nlohmann::json;

const std::string oid_a(64, 'a');
const std::string oid_b(64, 'b');

json multipart(std::uint64_t size, std::uint64_t chunk, std::size_t parts) {
  json header = {{"chunk_size", std::to_string(chunk)}};
  for (std::size_t i = 1; i <= parts; ++i) {
    header[fmt::format("{:05}", i)] = fmt::format("http://s/part/{}", i);
  }
  return {{"oid", oid_a},
          {"size", size},
          {"authenticated", true},
          {"actions", {{"upload", {{"href", "http://s/complete"}, {"header", header}}}}}};
}

Result<std::vector<LfsAnswer>> parse(const json& objects, std::uint64_t size = 35) {
  const LfsObject asked[] = {{.oid = oid_a, .size = size}};
  return parse_lfs_batch(json{{"objects", objects}}.dump(), asked);
}

LfsAnswer one(const json& object, std::uint64_t size = 35) {
  Result<std::vector<LfsAnswer>> answers = parse(json::array({object}), size);
  if (!answers) FAIL(answers.error().message);
  return std::move(answers->front());
}

// The sentence that says why an object is refused.
std::string refusal(const json& object, std::uint64_t size = 35) {
  Result<std::vector<LfsAnswer>> answers = parse(json::array({object}), size);
  REQUIRE_MESSAGE(!answers.has_value(), object.dump());
  CHECK(answers.error().code == "bad_answer");
  CHECK(answers.error().stage == "lfs_batch");
  return answers.error().message;
}

bool says(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("a batch asks for objects, hash and branch") {
  const LfsObject objects[] = {{.oid = oid_a, .size = 3'500'000}};
  CHECK(json::parse(lfs_batch_body(objects, "refs/pr/1")) ==
        json{{"operation", "upload"},
             {"transfers", {"basic", "multipart"}},
             {"objects", {{{"oid", oid_a}, {"size", 3'500'000}}}},
             {"hash_algo", "sha256"},
             {"ref", {{"name", "refs/pr/1"}}}});
  CHECK_FALSE(json::parse(lfs_batch_body(objects, std::nullopt)).contains("ref"));
}

TEST_CASE("an object without actions is stored") {
  const LfsAnswer answer = one({{"oid", oid_a}, {"size", 35}});
  CHECK(answer.transfer == LfsTransfer::stored);
  CHECK(one({{"oid", oid_a}, {"size", 35}, {"actions", nullptr}}).transfer == LfsTransfer::stored);
  CHECK(one({{"oid", oid_a}, {"size", 35}, {"actions", json::object()}}).transfer ==
        LfsTransfer::stored);
}

TEST_CASE("one PUT with the fields that belong to it") {
  const json upload = {
      {"href", "http://s/put?sig=1"},
      {"header", {{"X-Key", "v"}, {"Content-Length", "9"}, {"transfer-encoding", "chunked"}}},
      {"expires_in", 900},
      {"expires_at", "2026-11-25T15:00:00Z"}};
  const json verify = {{"href", "http://h/verify"}, {"header", {{"Authorization", "Bearer x"}}}};
  const LfsAnswer answer =
      one({{"oid", oid_a}, {"size", 35}, {"actions", {{"upload", upload}, {"verify", verify}}}});
  CHECK(answer.transfer == LfsTransfer::single);
  CHECK(answer.href == "http://s/put?sig=1");
  REQUIRE(answer.headers.size() == 1);
  CHECK(answer.headers[0].name == "X-Key");
  CHECK(answer.expires_in_s == 900);
  CHECK(answer.expires_at == "2026-11-25T15:00:00Z");
  REQUIRE(answer.verify.has_value());
  CHECK(answer.verify->href == "http://h/verify");
  CHECK(answer.verify->headers.at(0).value == "Bearer x");
}

TEST_CASE("parts are put in the order of their numbers") {
  LfsAnswer answer = one(multipart(35, 10, 4));
  CHECK(answer.transfer == LfsTransfer::multipart);
  CHECK(answer.href == "http://s/complete");
  CHECK(answer.chunk_size == 10);
  CHECK(answer.headers.empty());
  CHECK_FALSE(answer.verify.has_value());
  CHECK(answer.part_urls == std::vector<std::string>{"http://s/part/1", "http://s/part/2",
                                                     "http://s/part/3", "http://s/part/4"});
  // Unpadded numbers and a number for a size, as other hubs write them.
  json object = multipart(120, 10, 0);
  json& header = object["actions"]["upload"]["header"];
  header["chunk_size"] = 10;
  for (int i = 12; i >= 1; --i) header[std::to_string(i)] = fmt::format("http://s/{}", i);
  answer = one(object, 120);
  CHECK(answer.part_urls.at(1) == "http://s/2");
  CHECK(answer.part_urls.at(11) == "http://s/12");
  CHECK(one(multipart(35, 100, 1)).part_urls.size() == 1);
}

TEST_CASE("ten thousand parts are taken, one more is not") {
  CHECK(one(multipart(100'000, 10, 10'000), 100'000).part_urls.size() == 10'000);
  CHECK(says(refusal(multipart(100'010, 10, 10'001), 100'010), "10,000"));
}

TEST_CASE("parts that do not add up are refused") {
  CHECK(says(refusal(multipart(35, 10, 3)), "3 part URLs"));
  CHECK(says(refusal(multipart(35, 10, 5)), "5 part URLs"));
  CHECK(says(refusal(multipart(35, 0, 4)), "'chunk_size' is 0"));
  CHECK(says(refusal(multipart(0, 10, 0), 0), "empty object"));
  json object = multipart(35, 10, 4);
  json& header = object["actions"]["upload"]["header"];
  header.erase("00004");
  header["2"] = "http://s/again";
  CHECK(says(refusal(object), "twice"));
  header.erase("2");
  header["00000"] = "http://s/0";
  CHECK(says(refusal(object), "out of range"));
  header.erase("00000");
  header["99999999999999999999999"] = "http://s/0";
  CHECK(says(refusal(object), "too large"));
  header.erase("99999999999999999999999");
  header["00004"] = "file:///etc/passwd";
  CHECK(says(refusal(object), "not a web address"));
  header["00004"] = "http://s/4";
  for (const json& bad : {json("-10"), json("10x"), json(""), json(-10), json(1.5), json(nullptr),
                          json("99999999999999999999")}) {
    header["chunk_size"] = bad;
    refusal(object);
  }
  header.erase("chunk_size");
  CHECK(says(refusal(object), "without a 'chunk_size'"));
}

TEST_CASE("an object that is refused says why") {
  const LfsAnswer answer =
      one({{"oid", oid_a}, {"error", {{"code", 422}, {"message", "too big for hf_abcdefghij"}}}});
  CHECK(answer.transfer == LfsTransfer::refused);
  CHECK(answer.error_code == 422);
  CHECK(answer.error_message == "too big for hf_***");
  CHECK(one({{"oid", oid_a}, {"error", {{"code", "x"}}}}).transfer == LfsTransfer::refused);
}

TEST_CASE("objects are answered in our order, unknown fields and objects do not matter") {
  const json deep = {{"objects", {{{"oid", 5}}}}, {"actions", {{"upload", 5}}}};
  json a = {{"oid", oid_a}, {"size", 1}, {"meta", deep}, {"list", {1, deep}}};
  json b = {
      {"oid", oid_b},
      {"size", 2},
      {"actions", {{"download", deep}, {"upload", {{"href", "http://s/b"}, {"more", deep}}}}}};
  json other = {{"oid", std::string(64, 'd')}, {"size", 1}};
  const LfsObject asked[] = {{.oid = oid_a, .size = 1}, {.oid = oid_b, .size = 2}};
  const json body = {{"extra", deep}, {"transfer", "multipart"}, {"objects", {b, other, a}}};
  const std::vector<LfsAnswer> answers = parse_lfs_batch(body.dump(), asked).value();
  CHECK(answers[0].transfer == LfsTransfer::stored);
  CHECK(answers[1].transfer == LfsTransfer::single);
  CHECK(answers[1].href == "http://s/b");
}

TEST_CASE("an answer of the wrong shape is refused with a sentence") {
  const json good = {{"oid", oid_a}, {"size", 35}};
  const auto with = [&good](const char* field, const json& value) {
    json object = good;
    object[field] = value;
    return object;
  };
  refusal(with("oid", 5));
  refusal(with("oid", "xyz"));
  refusal(with("oid", nullptr));
  refusal(with("oid", oid_b));
  refusal(with("size", "35"));
  refusal(with("size", 36));
  refusal(with("size", -35));
  refusal(with("size", 35.0));
  refusal(with("size", nullptr));
  refusal(with("actions", 5));
  refusal(with("actions", json::array()));
  refusal(with("error", "no"));
  const auto upload = [&with](const json& value) { return with("actions", {{"upload", value}}); };
  refusal(upload(5));
  refusal(upload(json::object()));
  refusal(upload({{"href", 5}}));
  refusal(upload({{"href", "ftp://x"}}));
  refusal(upload({{"href", "http://"}}));
  refusal(upload({{"href", "http://s/a b"}}));
  refusal(upload({{"href", "http://s/" + std::string(20'000, 'a')}}));
  refusal(upload({{"href", "http://s"}, {"header", 5}}));
  refusal(upload({{"href", "http://s"}, {"header", json::array()}}));
  refusal(upload({{"href", "http://s"}, {"header", {{"X", {1}}}}}));
  refusal(upload({{"href", "http://s"}, {"header", {{"X", json::object()}}}}));
  refusal(upload({{"href", "http://s"}, {"header", {{"X", "a\r\nY: b"}}}}));
  refusal(upload({{"href", "http://s"}, {"header", {{"X Y", "a"}}}}));
  refusal(with("actions", {{"verify", {{"href", "nope"}}}, {"upload", {{"href", "http://s"}}}}));
  refusal(with("actions", {{"verify", 1}}));
  CHECK_FALSE(parse(json::array({good, good})).has_value());
  CHECK_FALSE(parse(json::array({5})).has_value());
  CHECK_FALSE(parse(json::array({json::array({good})})).has_value());
  CHECK_FALSE(parse(json::object()).has_value());
  CHECK_FALSE(parse("x").has_value());
  CHECK_FALSE(parse(json::array()).has_value());
}

TEST_CASE("bytes that are no answer at all") {
  const LfsObject asked[] = {{.oid = oid_a, .size = 35}};
  for (const std::string& bad :
       {std::string(), std::string("{"), std::string("[]"), std::string("5"), std::string("null"),
        std::string("\"x\""), std::string("{}"), std::string("{\"objects\":[{\"oid\":\"\xff\"}]}"),
        std::string("{\"objects\":[]}x"), std::string("{\"objects\":[],\"objects\":[]}"),
        std::string(1'000'000, '['), R"({"x":)" + std::string(1'000'000, '['),
        std::string("{\"objects\":[") + std::string(100, '{'),
        R"({"x":")" + std::string(17 << 20, 'x') + R"("})"}) {
    Result<std::vector<LfsAnswer>> answers = parse_lfs_batch(bad, asked);
    REQUIRE_FALSE(answers.has_value());
    CHECK(answers.error().code == "bad_answer");
  }
}

TEST_CASE("every cut of a good answer is refused, no cut is read beyond its end") {
  const std::string whole = json{{"objects", {multipart(35, 10, 4)}}}.dump();
  const LfsObject asked[] = {{.oid = oid_a, .size = 35}};
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    CHECK_FALSE(parse_lfs_batch(cut, asked).has_value());
  }
  CHECK(parse_lfs_batch(whole, asked).has_value());
}

TEST_CASE("completion gives the ETags back as they came") {
  const std::string etags[] = {"\"e1\"", "W/\"e2\""};
  CHECK(
      json::parse(lfs_completion_body({.oid = oid_a, .size = 35}, etags)) ==
      json{{"oid", oid_a},
           {"parts",
            {{{"partNumber", 1}, {"etag", "\"e1\""}}, {{"partNumber", 2}, {"etag", "W/\"e2\""}}}}});
  CHECK(json::parse(lfs_verify_body({.oid = oid_a, .size = 35})) ==
        json{{"oid", oid_a}, {"size", 35}});
}

TEST_CASE("a completion may fail with a status that says otherwise") {
  CHECK(completion_error("").empty());
  CHECK(completion_error("OK").empty());
  CHECK(completion_error(R"({"success":true,"error":null})").empty());
  CHECK(completion_error("<CompleteMultipartUploadResult/>").empty());
  CHECK(completion_error(R"({"error":"no"})") == "no");
  CHECK(completion_error(R"({"error":{"code":1}})") == "an error without a message");
  CHECK(completion_error("<?xml?><Error><Code>X</Code><Message>try again</Message></Error>") ==
        "try again");
  CHECK(completion_error("<Error></Message><Message>") == "an error without a message");
  CHECK(completion_error(R"({"error":)" + std::string(500'000, '[')).empty());
}

}  // namespace headrace
