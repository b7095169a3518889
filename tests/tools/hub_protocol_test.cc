#include <array>
#include <thread>

#include "tests/tools/hub_fixture.h"
#include "tools/hub/protocol.h"

namespace headrace::hub {
namespace {

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
