#include <array>
#include <thread>

#include "tests/tools/hub_fixture.h"
#include "tools/hub/path_rules.h"
#include "tools/hub/protocol.h"

namespace headrace::hub {
namespace {

// Each test runs over both stores.
template <class Test>
void with_each_store(Test test) {
  SUBCASE("memory") { test(make_memory_store()); }
}

constexpr std::uint64_t part = 1000;
ProtocolOptions in_parts() { return {.multipart_threshold = 2000, .part_size = part}; }

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 31 + i / 251) & 0xff);
  return bytes;
}

std::string completion(const std::string& oid, const std::vector<std::string>& etags) {
  Json parts = Json::array();
  for (std::size_t i = 0; i < etags.size(); ++i) {
    parts.push_back({{"partNumber", i + 1}, {"etag", etags[i]}});
  }
  return Json({{"oid", oid}, {"parts", parts}}).dump();
}

std::string etag_of(const Answer& answer) {
  return std::string(answer.headers.value_or("ETag", ""));
}

TEST_CASE("a repository is created once, shown, and removed") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    Json made = hub.json("POST", "/api/repos/create", R"({"name":"r","type":"dataset"})");
    CHECK(made["url"] == "http://127.0.0.1:1234/datasets/me/r");
    Json again = hub.json("POST", "/api/repos/create", R"({"name":"r","type":"dataset"})", 409);
    CHECK(again["url"] == made["url"]);
    Json info = hub.json("GET", "/api/datasets/me/r");
    CHECK(info["id"] == "me/r");
    CHECK(info["sha"].get<std::string>().size() == 40);
    CHECK(info["siblings"][0]["rfilename"] == ".gitattributes");
    Answer other = hub.call("GET", "/api/models/me/r");
    CHECK(other.status == 404);
    CHECK(other.headers.value_or("X-Error-Code", "") == "RepoNotFound");
    CHECK(!other.headers.value_or("X-Request-Id", "").empty());
    hub.json("DELETE", "/api/repos/delete", R"({"name":"r","type":"dataset"})");
    CHECK(hub.call("GET", "/api/datasets/me/r").status == 404);
  });
}

TEST_CASE("bad names and unknown revisions are refused with their codes") {
  Hub hub(make_memory_store());
  for (const char* name : {"a--b", "-a", "a.git", "a b", "..", ""}) {
    Json body = {{"name", name}};
    hub.json("POST", "/api/repos/create", body.dump(), 400);
  }
  hub.json("POST", "/api/repos/create", R"({"name":"s","type":"space"})", 400);
  hub.create();
  Answer unknown = hub.call("GET", "/api/models/me/r/revision/nope");
  CHECK(unknown.status == 404);
  CHECK(unknown.headers.value_or("X-Error-Code", "") == "RevisionNotFound");
}

TEST_CASE("tokens: none, unknown, for reading, for writing") {
  Hub hub(make_memory_store(), {.tokens = {{.secret = "w"}, {.secret = "r", .may_write = false}}});
  hub.token = "w";
  hub.create();
  hub.json("POST", "/api/repos/create", R"({"name":"p","private":true})");
  CHECK(hub.json("GET", "/api/whoami-v2")["auth"]["accessToken"]["role"] == "write");
  hub.token = "r";
  CHECK(hub.json("GET", "/api/whoami-v2")["auth"]["accessToken"]["role"] == "read");
  hub.json("POST", "/api/repos/create", R"({"name":"q"})", 403);
  CHECK(hub.call("GET", "/api/models/me/p").status == 200);
  hub.token = "x";
  Json wrong = hub.json("GET", "/api/models/me/r", "", 401);
  CHECK(wrong["error"] == "Invalid credentials in Authorization header");
  hub.token = "";
  CHECK(hub.call("GET", "/api/models/me/r").status == 200);
  CHECK(hub.call("GET", "/api/models/me/p").status == 401);
  CHECK(hub.call("GET", "/api/whoami-v2").status == 401);
  CHECK(hub.call("POST", "/api/models/me/r/commit/main", Hub::header_line()).status == 401);
  hub.extra.set("Authorization", "Basic " + base64("user:w"));
  CHECK(hub.call("GET", "/api/models/me/p").status == 200);
}

TEST_CASE("a commit is whole, in the order of its lines, and readable") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    hub.create();
    std::string before = hub.json("GET", "/api/models/me/r")["sha"];
    Json made = hub.commit(Hub::header_line("first\nline") + Hub::file_line("a.txt", "A") +
                           Hub::file_line("sub/deep/b.txt", "B") + Hub::file_line("sub.txt", "C"));
    CHECK(made["success"] == true);
    std::string oid = made["commitOid"];
    CHECK(made["commitUrl"] == "http://127.0.0.1:1234/me/r/commit/" + oid);
    CHECK(hub.read("a.txt") == "A");
    CHECK(hub.read("sub/deep/b.txt") == "B");
    CHECK(hub.read("a.txt", before) == "status 404");
    hub.commit(Hub::header_line() + R"({"key":"deletedFolder","value":{"path":"sub/"}})" + "\n" +
               R"({"key":"deletedFile","value":{"path":"a.txt"}})" + "\n" +
               Hub::file_line("a.txt", "A2"));
    CHECK(hub.read("a.txt") == "A2");
    CHECK(hub.read("sub/deep/b.txt") == "status 404");
    CHECK(hub.read("sub.txt") == "C");
    CHECK(hub.json("GET", "/api/models/me/r/commits/main").size() == 3);
  });
}

TEST_CASE("a commit that is not acceptable changes nothing") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    hub.create();
    std::string before = hub.json("GET", "/api/models/me/r")["sha"];
    std::string target = "/api/models/me/r/commit/main";
    std::string good = Hub::header_line() + Hub::file_line("a", "A");
    hub.commit("", target, 400);
    hub.commit(Hub::file_line("a", "A"), target, 400);
    hub.commit(good + "{broken\n", target, 400);
    hub.commit(good + Hub::header_line(), target, 400);
    hub.commit(good + R"({"key":"copyFile","value":{}})", target, 400);
    hub.commit(good + Hub::file_line("../x", "A"), target, 400);
    hub.commit(good + Hub::file_line("x/.GIT/y", "A"), target, 400);
    hub.commit(good + Hub::file_line("a/b", "A"), target, 400);
    hub.commit(good + Hub::lfs_line("l", std::string(64, 'a'), 3), target, 400);
    hub.commit(good, "/api/models/me/r/commit/nope", 404);
    Answer missing =
        hub.call("POST", target, good + R"({"key":"deletedFile","value":{"path":"z"}})");
    CHECK(missing.status == 404);
    CHECK(missing.headers.value_or("X-Error-Code", "") == "EntryNotFound");
    CHECK(missing.body.contains("A file with this name doesn't exist"));
    Json parent = {{"key", "header"}, {"value", {{"summary", "s"}, {"parentCommit", "abcdef0"}}}};
    hub.commit(parent.dump() + "\n", target, 412);
    CHECK(hub.json("GET", "/api/models/me/r")["sha"] == before);
    parent["value"]["parentCommit"] = before.substr(0, 7);
    hub.commit(parent.dump() + "\n" + Hub::file_line("a", "A"), target);
    CHECK(hub.read("a") == "A");
  });
}

TEST_CASE("a commit's body may come in any pieces") {
  Hub hub(make_memory_store());
  hub.create();
  std::string body = Hub::header_line() + Hub::file_line("a", "some content") +
                     Hub::file_line("b", "other content");
  body.pop_back();  // the last newline is not needed
  for (std::size_t step : {std::size_t{1}, std::size_t{7}, body.size()}) {
    Call head{.method = "POST", .target = "/api/models/me/r/commit/main", .origin = hub.origin};
    head.headers.set("Authorization", "Bearer t");
    auto received = hub.protocol->receive(head);
    auto& receiver = std::get<std::unique_ptr<Receiver>>(received);
    for (std::size_t i = 0; i < body.size(); i += step) {
      REQUIRE(receiver->write(
          std::as_bytes(std::span(body)).subspan(i, std::min(step, body.size() - i))));
    }
    CHECK(receiver->finish().status == 200);
    CHECK(hub.read("b") == "other content");
  }
}

TEST_CASE("pull requests: by a commit, by a call, listed and committed to") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    hub.create();
    std::string lines = Hub::header_line("a title") + Hub::file_line("pr.txt", "P");
    Json made = hub.commit(lines, "/api/models/me/r/commit/main?create_pr=1");
    CHECK(made["pullRequestUrl"] == "http://127.0.0.1:1234/me/r/discussions/1");
    CHECK(hub.read("pr.txt") == "status 404");
    CHECK(hub.read("pr.txt", "refs%2Fpr%2F1") == "P");
    CHECK(hub.json("POST", "/api/models/me/r/discussions",
                   R"({"title":"t","description":"d","pullRequest":true})")["num"] == 2);
    hub.commit(lines, "/api/models/me/r/commit/refs%2Fpr%2F2");
    CHECK(hub.read("pr.txt", "refs%2Fpr%2F2") == "P");
    CHECK(hub.read("pr.txt") == "status 404");
    Json list = hub.json("GET", "/api/models/me/r/discussions?p=0");
    CHECK(list["count"] == 2);
    CHECK(list["discussions"][1]["title"] == "a title");
    CHECK(hub.json("GET", "/api/models/me/r/discussions?p=1")["discussions"].empty());
    Json one = hub.json("GET", "/api/models/me/r/discussions/2?diff=1");
    CHECK(one["status"] == "draft");
    CHECK(one["events"][0]["data"]["latest"]["raw"] == "d");
    CHECK(hub.json("GET", "/api/models/me/r/refs?include_prs=1")["pullRequests"].size() == 2);
  });
}

TEST_CASE("branches and tags") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    hub.create();
    hub.json("POST", "/api/models/me/r/branch/dev%2Fx", "{}");
    hub.json("POST", "/api/models/me/r/branch/dev%2Fx", "{}", 409);
    hub.json("POST", "/api/models/me/r/branch/bad..name", "{}", 400);
    hub.json("POST", "/api/models/me/r/branch/y", R"({"startingPoint":"nope"})", 404);
    hub.commit(Hub::header_line() + Hub::file_line("d", "D"), "/api/models/me/r/commit/dev%2Fx");
    CHECK(hub.read("d", "dev%2Fx") == "D");
    CHECK(hub.read("d") == "status 404");
    hub.json("POST", "/api/models/me/r/tag/dev%2Fx", R"({"tag":"v1"})");
    CHECK(hub.read("d", "v1") == "D");
    hub.commit(Hub::header_line(), "/api/models/me/r/commit/v1", 404);
    CHECK(hub.json("GET", "/api/models/me/r/refs")["branches"].size() == 2);
    hub.json("DELETE", "/api/models/me/r/branch/dev%2Fx");
    hub.json("DELETE", "/api/models/me/r/tag/v1");
    CHECK(hub.read("d", "v1") == "status 404");
  });
}

TEST_CASE("preupload says mode, ignored and oid") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    hub.create();
    std::string oid = hub.upload("\x01\x02");
    hub.commit(Hub::header_line() + Hub::file_line("a.txt", "A") + Hub::lfs_line("b.bin", oid, 2));
    auto file = [](const char* path, std::string_view sample, std::uint64_t size) {
      return Json({{"path", path}, {"sample", base64(sample)}, {"size", size}});
    };
    Json body = {{"files",
                  {file("a.txt", "hello", 5), file("b.bin", "x", 1), file("zero.bin", "", 0),
                   file("big.txt", "x", 10'000'001), file("nul", std::string_view("a\0b", 3), 3),
                   file("cut.txt", "ab\xc3", 600), file("bad.txt", "\xc3(", 2),
                   file("run.log", "x", 1), file("sub", "x", 1)}},
                 {"gitIgnore", "*.log\n"}};
    Json files = hub.json("POST", "/api/models/me/r/preupload/main", body.dump())["files"];
    std::vector<std::string> modes;
    for (const Json& entry : files) modes.push_back(entry["uploadMode"]);
    CHECK(modes == std::vector<std::string>{"regular", "lfs", "regular", "lfs", "lfs", "regular",
                                            "lfs", "regular", "regular"});
    CHECK(files[0]["oid"] == make_object(ObjectType::blob, "A").id);
    CHECK(files[1]["oid"] == oid);
    CHECK(!files[8].contains("oid"));
    CHECK(files[0]["shouldIgnore"] == false);
    CHECK(files[7]["shouldIgnore"] == true);
    body.erase("gitIgnore");
    hub.commit(Hub::header_line() + Hub::file_line(".gitignore", "a.*"));
    files = hub.json("POST", "/api/models/me/r/preupload/main", body.dump())["files"];
    CHECK(files[0]["shouldIgnore"] == true);
    CHECK(files[7]["shouldIgnore"] == false);
  });
}

TEST_CASE("an inline limit keeps small files out of LFS") {
  Hub hub(make_memory_store(), {.inline_limit = 100});
  hub.create();
  Json body = {{"files",
                {{{"path", "a.bin"}, {"sample", ""}, {"size", 100}},
                 {{"path", "b.bin"}, {"sample", ""}, {"size", 101}}}}};
  Json files = hub.json("POST", "/api/models/me/r/preupload/main", body.dump())["files"];
  CHECK(files[0]["uploadMode"] == "regular");
  CHECK(files[1]["uploadMode"] == "lfs");
}

TEST_CASE("one PUT: the right bytes only, and then no more actions") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    hub.create();
    std::string content = pattern(1500), oid = sha256_hex(content);
    Json object = hub.batch(oid, content.size());
    std::string href = object["actions"]["upload"]["href"];
    std::string verify = object["actions"]["verify"]["href"];
    std::string named = Json({{"oid", oid}, {"size", 1500}}).dump();
    CHECK(hub.follow("POST", verify, named).status == 404);
    CHECK(hub.follow("PUT", href, pattern(1499)).status == 400);
    std::string wrong = content;
    wrong[700] ^= 1;
    Answer refused = hub.follow("PUT", href, wrong);
    CHECK(refused.status == 422);
    CHECK(refused.body.contains("SHA-256"));
    CHECK(hub.batch(oid, content.size()).contains("actions"));
    CHECK(hub.follow("PUT", href, content).status == 200);
    CHECK(hub.follow("PUT", href, content).status == 200);
    CHECK(hub.follow("POST", verify, named).status == 200);
    CHECK(!hub.batch(oid, content.size()).contains("actions"));
    CHECK(hub.batch(oid, 3)["error"]["code"] == 422);
  });
}

TEST_CASE("parts in any order become the object") {
  with_each_store([](auto store) {
    Hub hub(std::move(store), in_parts());
    hub.create();
    std::string content = pattern(11'300), oid = sha256_hex(content);
    Json upload = hub.batch(oid, content.size())["actions"]["upload"];
    CHECK(upload["header"]["chunk_size"] == "1000");
    CHECK(upload["header"].size() == 13);
    REQUIRE(upload["header"].contains("00012"));
    std::vector<std::string> etags(12);
    for (std::size_t i : {11, 3, 0, 1, 2, 10, 9, 8, 4, 5, 6}) {
      Answer put = hub.follow("PUT", upload["header"][fmt::format("{:05}", i + 1)],
                              std::string_view(content).substr(i * part, part));
      CHECK(put.status == 200);
      etags[i] = etag_of(put);
      CHECK(etags[i].starts_with('"'));
    }
    std::string href = upload["href"];
    CHECK(hub.follow("POST", href, completion(oid, etags)).status == 400);
    Answer put = hub.follow("PUT", upload["header"]["00008"],
                            std::string_view(content).substr(7 * part, part));
    etags[7] = "\"another\"";
    CHECK(hub.follow("POST", href, completion(oid, etags)).status == 400);
    etags[7] = etag_of(put);
    CHECK(hub.follow("POST", href, completion(oid, etags)).status == 200);
    CHECK(hub.follow("POST", href, completion(oid, etags)).status == 200);
    CHECK(hub.follow("PUT", upload["header"]["00001"], content.substr(0, part)).status == 200);
    hub.commit(Hub::header_line() + Hub::lfs_line("f.bin", oid, content.size()));
    CHECK(hub.read("f.bin") == content);
  });
}

TEST_CASE("wrong parts: size, number, bytes") {
  with_each_store([](auto store) {
    Hub hub(std::move(store), in_parts());
    hub.create();
    std::string content = pattern(2500), oid = sha256_hex(content);
    Json upload = hub.batch(oid, content.size())["actions"]["upload"];
    std::string first = upload["header"]["00001"], last = upload["header"]["00003"];
    CHECK(hub.follow("PUT", first, pattern(1001)).status == 400);
    CHECK(hub.follow("PUT", first, pattern(999)).status == 400);
    CHECK(hub.follow("PUT", last, pattern(1000)).status == 400);
    std::vector<std::string> etags;
    for (std::size_t i = 0; i < 3; ++i) {
      std::string bytes = content.substr(i * part, part);
      if (i == 1) bytes[5] ^= 1;
      etags.push_back(
          etag_of(hub.follow("PUT", upload["header"][fmt::format("{:05}", i + 1)], bytes)));
    }
    CHECK(hub.follow("POST", upload["href"], completion(oid, etags)).status == 422);
    CHECK(hub.follow("PUT", first, content.substr(0, part)).status == 404);
    Json again = hub.batch(oid, content.size())["actions"]["upload"];
    CHECK(again["href"] != upload["href"]);
  });
}

TEST_CASE("a part sent again repairs it, one cut off leaves what was confirmed") {
  with_each_store([](auto store) {
    Hub hub(std::move(store), in_parts());
    hub.create();
    std::string content = pattern(3000), oid = sha256_hex(content);
    Json upload = hub.batch(oid, content.size())["actions"]["upload"];
    std::vector<std::string> etags;
    auto url = [&](std::size_t i) {
      return upload["header"][fmt::format("{:05}", i + 1)].template get<std::string>();
    };
    for (std::size_t i = 0; i < 3; ++i) {
      std::string bytes = content.substr(i * part, part);
      if (i == 0) bytes[0] ^= 1;
      etags.push_back(etag_of(hub.follow("PUT", url(i), bytes)));
    }
    CHECK(hub.follow("PUT", url(0), content.substr(0, part)).status == 200);
    auto begin = [&](std::size_t i) {
      Call head{.method = "PUT", .target = url(i).substr(hub.origin.size()), .origin = hub.origin};
      auto received = hub.protocol->receive(head);
      return std::move(std::get<std::unique_ptr<Receiver>>(received));
    };
    std::string junk(500, 'x');
    auto cut = begin(1);
    REQUIRE(cut->write(std::as_bytes(std::span(junk))));
    cut.reset();
    auto late = begin(2);
    REQUIRE(late->write(std::as_bytes(std::span(junk))));
    CHECK(hub.follow("POST", upload["href"], completion(oid, etags)).status == 200);
    REQUIRE(late->write(std::as_bytes(std::span(junk))));
    CHECK(late->finish().status == 200);
    hub.commit(Hub::header_line() + Hub::lfs_line("f.bin", oid, 3000));
    CHECK(hub.read("f.bin") == content);
  });
}

TEST_CASE("of two sendings of one part at once, the one that ends first counts") {
  Hub hub(make_memory_store(), in_parts());
  hub.create();
  std::string content = pattern(2500), oid = sha256_hex(content);
  Json upload = hub.batch(oid, content.size())["actions"]["upload"];
  Call head{.method = "PUT",
            .target = upload["header"]["00001"].get<std::string>().substr(hub.origin.size()),
            .origin = hub.origin};
  auto slow = hub.protocol->receive(head);
  auto& receiver = std::get<std::unique_ptr<Receiver>>(slow);
  std::string junk(600, 'x');
  REQUIRE(receiver->write(std::as_bytes(std::span(junk))));
  std::vector<std::string> etags;
  for (std::size_t i = 0; i < 3; ++i) {
    etags.push_back(etag_of(hub.follow("PUT", upload["header"][fmt::format("{:05}", i + 1)],
                                       content.substr(i * part, part))));
  }
  REQUIRE(receiver->write(std::as_bytes(std::span(junk).first(400))));
  CHECK(receiver->finish().status == 200);
  CHECK(hub.follow("POST", upload["href"], completion(oid, etags)).status == 200);
}

TEST_CASE("an upload is continued for a day, under URLs that expire sooner") {
  with_each_store([](auto store) {
    ProtocolOptions options = in_parts();
    options.url_lifetime_s = 900;
    Hub hub(std::move(store), std::move(options));
    hub.create();
    std::string content = pattern(2500), oid = sha256_hex(content);
    Json first = hub.batch(oid, content.size())["actions"]["upload"];
    CHECK(first["expires_in"] == 900);
    std::string url = first["header"]["00001"];
    std::vector<std::string> etags = {etag_of(hub.follow("PUT", url, content.substr(0, part)))};
    hub.now += 901;
    Answer late = hub.follow("PUT", url, content.substr(0, part));
    CHECK(late.status == 403);
    CHECK(late.body.contains("<Code>AccessDenied</Code><Message>Request has expired</Message>"));
    Json second = hub.batch(oid, content.size())["actions"]["upload"];
    CHECK(second["href"] != first["href"]);
    for (std::size_t i = 1; i < 3; ++i) {
      etags.push_back(etag_of(hub.follow("PUT", second["header"][fmt::format("{:05}", i + 1)],
                                         content.substr(i * part, part))));
    }
    CHECK(hub.follow("POST", second["href"], completion(oid, etags)).status == 200);

    std::string other = pattern(2600), other_oid = sha256_hex(other);
    auto id_in = [](const Json& upload) {
      std::string href = upload["href"];
      return href.substr(href.find("upload="), 39);
    };
    std::string id = id_in(hub.batch(other_oid, 2600)["actions"]["upload"]);
    hub.now += 23 * 3600;
    CHECK(id_in(hub.batch(other_oid, 2600)["actions"]["upload"]) == id);
    hub.now += 2 * 3600;
    CHECK(id_in(hub.batch(other_oid, 2600)["actions"]["upload"]) != id);
  });
}

TEST_CASE("a URL is good for what it was made for and nothing else") {
  Hub hub(make_memory_store(), in_parts());
  hub.create();
  hub.create("me/other");
  std::string content = pattern(2500), oid = sha256_hex(content);
  Json upload = hub.batch(oid, content.size())["actions"]["upload"];
  std::string url = upload["header"]["00001"];
  auto changed = [&](std::string_view from, std::string_view to) {
    std::string text = url;
    text.replace(text.find(from), from.size(), to);
    Answer answer = hub.follow("PUT", text, content.substr(0, part));
    CHECK(answer.body.contains("SignatureDoesNotMatch"));
    return answer.status;
  };
  CHECK(changed("part=1", "part=2") == 403);
  CHECK(changed("size=2500", "size=9999") == 403);
  CHECK(changed("me/r/", "me/other/") == 403);
  CHECK(changed("expires=1", "expires=2") == 403);
  CHECK(changed(oid, std::string(64, 'a')) == 403);
  CHECK(hub.follow("POST", url, "{}").status == 403);
  hub.token = "";
  CHECK(hub.follow("PUT", url, content.substr(0, part)).status == 200);
}

TEST_CASE("bytes are shared between repositories, visibility is not") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    hub.create();
    hub.create("me/other");
    std::string oid = hub.upload("shared bytes");
    CHECK(hub.batch(oid, 12, "me/other").contains("actions"));
    hub.commit(Hub::header_line() + Hub::lfs_line("x", oid, 12), "/api/models/me/other/commit/main",
               400);
    // A text that looks like a pointer does not open the other repository's bytes either.
    std::string pointer = pointer_text({.oid = oid, .size = 12});
    hub.commit(Hub::header_line() + Hub::file_line("p.txt", pointer),
               "/api/models/me/other/commit/main");
    Answer shown = hub.call("GET", "/me/other/resolve/main/p.txt");
    CHECK(Hub::body_of(shown) == pointer);
    hub.upload("shared bytes", "me/other");
    hub.json("DELETE", "/api/repos/delete", R"({"name":"r"})");
    Answer kept = hub.call("GET", "/me/other/resolve/main/p.txt");
    CHECK(Hub::body_of(kept) == "shared bytes");
  });
}

TEST_CASE("what a batch says of threshold, transfers and faults") {
  Hub hub(make_memory_store(), in_parts());
  hub.create();
  std::string small(64, '1'), large(64, '2');
  Json body = {{"operation", "upload"},
               {"transfers", {"basic"}},
               {"objects", {{{"oid", small}, {"size", 2000}}, {{"oid", large}, {"size", 2001}}}}};
  std::string target = "/me/r.git/info/lfs/objects/batch";
  Json answer = hub.json("POST", target, body.dump());
  CHECK(answer["transfer"] == "basic");
  CHECK(answer["objects"][1]["error"]["message"].get<std::string>().contains(
      "lfs-enable-largefiles"));
  body["transfers"] = {"basic", "multipart"};
  answer = hub.json("POST", target, body.dump());
  CHECK(answer["transfer"] == "multipart");
  CHECK(answer["objects"][0]["actions"]["upload"]["header"].empty());
  hub.extra.set("User-Agent", "git-lfs/3.3.0 (GitHub; linux amd64)");
  answer = hub.json("POST", target, body.dump());
  CHECK(answer["objects"][0]["actions"]["upload"]["header"]["chunk_size"] == "1000");
  hub.json("POST", target, R"({"operation":"upload","objects":[{"oid":"x","size":1}]})", 422);
  hub.json("POST", target, "nonsense", 422);
}

TEST_CASE("LFS files without a rule get one in .gitattributes") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    hub.create();
    std::string oid = hub.upload("content");
    hub.commit(Hub::header_line() + Hub::lfs_line("a.bin", oid, 7) +
               Hub::lfs_line("odd name[1]", oid, 7) + Hub::lfs_line("sub/x", oid, 7));
    AttributeRules rules(hub.read(".gitattributes"));
    CHECK(rules.tracks_with_lfs("odd name[1]"));
    CHECK(rules.tracks_with_lfs("sub/x"));
    CHECK(!rules.tracks_with_lfs("x"));
    CHECK(!rules.tracks_with_lfs("sub/odd name[1]"));
    std::string before = hub.read(".gitattributes");
    CHECK(!before.contains("\na.bin"));
    hub.commit(Hub::header_line() + Hub::lfs_line("sub/x", oid, 7));
    CHECK(hub.read(".gitattributes") == before);
  });
}

TEST_CASE("downloads: head, ranges, missing files") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    hub.create();
    std::string oid = hub.upload("0123456789");
    hub.commit(Hub::header_line() + Hub::lfs_line("f.bin", oid, 10) + Hub::file_line("t", "text"));
    Answer head = hub.call("HEAD", "/me/r/resolve/main/f.bin");
    CHECK(head.status == 200);
    CHECK(head.headers.value_or("Content-Length", "") == "10");
    CHECK(head.headers.value_or("ETag", "") == "\"" + oid + "\"");
    CHECK(head.headers.value_or("X-Linked-Etag", "") == "\"" + oid + "\"");
    CHECK(head.headers.value_or("X-Linked-Size", "") == "10");
    CHECK(head.headers.value_or("X-Repo-Commit", "").size() == 40);
    auto range = [&](const char* field, std::string_view body, int status) {
      hub.extra.set("Range", field);
      Answer answer = hub.call("GET", "/me/r/resolve/main/f.bin");
      CHECK(answer.status == status);
      CHECK(Hub::body_of(answer) == body);
      return std::string(answer.headers.value_or("Content-Range", ""));
    };
    CHECK(range("bytes=2-4", "234", 206) == "bytes 2-4/10");
    CHECK(range("bytes=7-", "789", 206) == "bytes 7-9/10");
    CHECK(range("bytes=5-99", "56789", 206) == "bytes 5-9/10");
    CHECK(range("bytes=-3", "789", 206) == "bytes 7-9/10");
    CHECK(range("bytes=10-", "", 416) == "bytes */10");
    CHECK(range("bytes=1-2,4-5", "0123456789", 200) == "");
    hub.extra = {};
    Answer missing = hub.call("GET", "/me/r/resolve/main/nope");
    CHECK(missing.status == 404);
    CHECK(missing.headers.value_or("X-Error-Code", "") == "EntryNotFound");
    CHECK(missing.headers.value_or("X-Repo-Commit", "").size() == 40);
    CHECK(hub.read("t") == "text");
  });
}

TEST_CASE("listings: pages of a tree, information on paths") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    hub.create();
    std::string lines = Hub::header_line();
    for (int i = 0; i < 1200; ++i) lines += Hub::file_line(fmt::format("d/{:04}.txt", i), "x");
    hub.commit(lines);
    Answer first = hub.call("GET", "/api/models/me/r/tree/main?recursive=True&expand=False");
    Json list = Json::parse(first.body);
    CHECK(list.size() == 1000);
    std::string link(first.headers.value_or("Link", ""));
    REQUIRE(link.starts_with("<http://127.0.0.1:1234/"));
    hub.commit(Hub::header_line() + R"({"key":"deletedFolder","value":{"path":"d"}})");
    Answer second = hub.follow("GET", link.substr(1, link.find('>') - 1));
    Json more = Json::parse(second.body);
    CHECK(more.size() == 202);  // .gitattributes, d and 1,200 files in all
    CHECK(more.back()["path"] == "d/1199.txt");
    CHECK(!second.headers.find("Link"));
    CHECK(hub.call("GET", "/api/models/me/r/tree/main/d").status == 404);

    std::string oid = hub.upload("0123456789");
    hub.commit(Hub::header_line() + Hub::lfs_line("s/f.bin", oid, 10));
    Json info = hub.json("POST", "/api/models/me/r/paths-info/main",
                         "paths=s%2Ff.bin&paths=s&paths=nope&expand=False");
    REQUIRE(info.size() == 2);
    CHECK(info[0]["lfs"]["oid"] == oid);
    CHECK(info[0]["size"] == 10);
    CHECK(info[1]["type"] == "directory");
    Json sub = hub.json("GET", "/api/models/me/r/tree/main/s?recursive=false");
    CHECK(sub[0]["path"] == "s/f.bin");
  });
}

TEST_CASE("small calls") {
  Hub hub(make_memory_store());
  hub.create();
  CHECK(hub.json("GET", "/api/agent-harnesses") == Json::object());
  Json refused = hub.json("GET", "/api/models/me/r/xet-write-token/main", "", 404);
  CHECK(refused["error"].get<std::string>().contains("HF_HUB_DISABLE_XET=1"));
  hub.json("GET", "/api/models/me/r/nonsense", "", 404);
  auto check = [&](const char* text, int status) {
    return hub.json("POST", "/api/validate-yaml", Json({{"content", text}}).dump(), status);
  };
  CHECK(check("# no block\n", 200)["errors"].empty());
  check("---\nlicense: mit\ntags:\n- a\n- b\nname: \"x: y\"\n---\ntext", 200);
  check("---\nlicense: mit\n", 400);
  check("---\nlicense mit\n---\n", 400);
  check("---\na: 1\na: 2\n---\n", 400);
  CHECK(check("---\na:\n\t- b\n---\n", 400)["errors"].size() == 1);
}

TEST_CASE("two commits at once both land") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    hub.create();
    std::array<std::thread, 2> threads;
    for (std::size_t t = 0; t < 2; ++t) {
      threads[t] = std::thread([&hub, t] {
        for (int i = 0; i < 10; ++i) {
          Call call{.method = "POST",
                    .target = "/api/models/me/r/commit/main",
                    .body = Hub::header_line() + Hub::file_line(fmt::format("{}-{}", t, i), "x"),
                    .origin = hub.origin};
          call.headers.set("Authorization", "Bearer t");
          hub.protocol->handle(call);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(hub.json("GET", "/api/models/me/r")["siblings"].size() == 21);
  });
}

}  // namespace
}  // namespace headrace::hub
