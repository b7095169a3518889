// LFS over the protocol: batch, parts, completion, and who may see which bytes.
#include "tests/support/random_bytes.h"
#include "tests/tools/hub_fixture.h"
#include "tools/hub/path_rules.h"
#include "tools/hub/protocol.h"

namespace headrace::hub {
namespace {

constexpr std::uint64_t part = 1000;
ProtocolOptions in_parts() { return {.multipart_threshold = 2000, .part_size = part}; }

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

TEST_CASE("one PUT: the right bytes only, and then no more actions") {
  with_each_store([](auto store) {
    Hub hub(std::move(store));
    hub.create();
    std::string content = random_bytes(1, 1500), oid = sha256_hex(content);
    Json object = hub.batch(oid, content.size());
    std::string href = object["actions"]["upload"]["href"];
    std::string verify = object["actions"]["verify"]["href"];
    std::string named = Json({{"oid", oid}, {"size", 1500}}).dump();
    CHECK(hub.follow("POST", verify, named).status == 404);
    CHECK(hub.follow("PUT", href, random_bytes(1, 1499)).status == 400);
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
    std::string content = random_bytes(1, 11'300), oid = sha256_hex(content);
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
    std::string content = random_bytes(1, 2500), oid = sha256_hex(content);
    Json upload = hub.batch(oid, content.size())["actions"]["upload"];
    std::string first = upload["header"]["00001"], last = upload["header"]["00003"];
    CHECK(hub.follow("PUT", first, random_bytes(1, 1001)).status == 400);
    CHECK(hub.follow("PUT", first, random_bytes(1, 999)).status == 400);
    CHECK(hub.follow("PUT", last, random_bytes(1, 1000)).status == 400);
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
    std::string content = random_bytes(1, 3000), oid = sha256_hex(content);
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
  std::string content = random_bytes(1, 2500), oid = sha256_hex(content);
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
    std::string content = random_bytes(1, 2500), oid = sha256_hex(content);
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

    std::string other = random_bytes(1, 2600), other_oid = sha256_hex(other);
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
  std::string content = random_bytes(1, 2500), oid = sha256_hex(content);
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
  CHECK(changed("upload=", "upload=0") == 403);
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

}  // namespace
}  // namespace headrace::hub
