// hub_remote_test.cc: LFS content that lies elsewhere, and calls that come in the middle of others:
// in a store of the test's, which lets it say what happens meanwhile. Against a real store:
// tests/peers/test_hub_s3.py.
#include <map>

#include "tests/support/random_bytes.h"
#include "tests/tools/hub_fixture.h"
#include "tools/hub/remote_objects.h"

namespace headrace::hub {
namespace {

std::unexpected<Error> gone(std::string_view code) {
  return fail(make_error(ErrorClass::fail, code, "it is not there"));
}

class ObjectsInMemory final : public RemoteObjects {
 public:
  std::map<std::string, std::string> objects;
  std::map<std::string, std::string> uploads;  // the bytes of their parts, by id
  std::size_t begun = 0;

  // What happens at the beginning of the next such call.
  void meanwhile(std::string_view call, std::function<void()> event) {
    events_[std::string(call)] = std::move(event);
  }

  Result<std::string> url(std::string_view, const std::string& key, std::int64_t) override {
    return "memory:" + key;
  }
  Result<std::vector<std::string>> part_urls(const std::string&, const std::string& upload,
                                             std::uint64_t count, std::int64_t) override {
    return std::vector<std::string>(count, "memory:" + upload);
  }
  Result<std::string> begin(const std::string&) override {
    happen("begin");
    std::string id = fmt::format("u{}", ++begun);
    uploads[id] = "";
    return id;
  }
  Status complete(const std::string& key, const std::string& upload,
                  std::span<const std::string>) override {
    happen("complete");
    auto found = uploads.extract(upload);
    if (found.empty()) return gone("no_such_upload");
    objects[key] = std::move(found.mapped());
    return {};
  }
  Status abort(const std::string&, const std::string& upload) override {
    happen("abort");
    uploads.erase(upload);
    return {};
  }
  Result<RemoteContent> read(const std::string& key) override {
    happen("read");
    auto found = objects.find(key);
    if (found == objects.end()) return gone("no_such_key");
    std::string digest = sha256_hex(found->second);
    return RemoteContent{.size = found->second.size(), .sha256 = digest, .etag = digest};
  }
  Status copy(const std::string& from, const std::string& etag, const std::string& to) override {
    happen("copy");
    auto found = objects.find(from);
    if (found == objects.end()) return gone("no_such_key");
    if (sha256_hex(found->second) != etag) return gone("object_changed");
    objects[to] = found->second;
    return {};
  }
  Status remove(const std::string& key) override {
    objects.erase(key);
    happen("removed");
    return {};
  }

 private:
  void happen(const std::string& call) {
    auto event = events_.extract(call);
    if (!event.empty()) event.mapped()();
  }
  std::map<std::string, std::function<void()>> events_;
};

// One object, a hub with a repository, and a store beside it.
struct Remote {
  ObjectsInMemory store;
  Hub hub{make_memory_store(), {.multipart_threshold = 2000, .part_size = 1000, .objects = &store}};
  Remote() { hub.create(); }

  Json actions(const std::string& content) {
    return hub.batch(sha256_hex(content), content.size())["actions"];
  }
  int complete(const Json& actions, const std::string& content) {
    Json parts = Json::array();
    for (std::size_t i = 0; i * 1000 < content.size(); ++i) {
      parts.push_back({{"partNumber", i + 1}, {"etag", "e"}});
    }
    Json body = {{"oid", sha256_hex(content)}, {"parts", parts}};
    return hub.follow("POST", actions["upload"]["href"], body.dump()).status;
  }
  int verify(const Json& actions, const std::string& content) {
    Json body = {{"oid", sha256_hex(content)}, {"size", content.size()}};
    return hub.follow("POST", actions["verify"]["href"], body.dump()).status;
  }
};

}  // namespace

TEST_CASE("elsewhere: a completion that comes to its end late leaves the next upload alone") {
  Remote remote;
  std::string content = random_bytes(1, 5000);
  Json first = remote.actions(content), second;
  CHECK(first["upload"]["header"]["00005"] == "memory:u1");
  remote.store.uploads["u1"] = "other bytes";
  remote.store.meanwhile("complete", [&] {
    CHECK(remote.complete(first, content) == 422);
    second = remote.actions(content);
  });
  CHECK(remote.complete(first, content) == 404);
  CHECK(second["upload"]["header"]["00001"] == "memory:u2");
  CHECK(remote.actions(content)["upload"]["href"] == second["upload"]["href"]);
  remote.store.uploads["u2"] = content;
  CHECK(remote.complete(second, content) == 200);
  CHECK(remote.store.begun == 2);
  CHECK(remote.store.uploads.empty());
}

TEST_CASE("elsewhere: an upload that cannot be noted is aborted") {
  Remote remote;
  remote.store.meanwhile("begin", [&] {
    Json body = {{"name", "r"}, {"organization", "me"}};
    remote.hub.json("DELETE", "/api/repos/delete", body.dump());
  });
  Json asked = {{"operation", "upload"},
                {"transfers", {"multipart"}},
                {"objects", {{{"oid", sha256_hex("x")}, {"size", 5000}}}}};
  Answer answer = remote.hub.call("POST", "/me/r.git/info/lfs/objects/batch", asked.dump());
  CHECK(answer.status == 404);
  CHECK(remote.store.begun == 1);
  CHECK(remote.store.uploads.empty());
}

TEST_CASE("elsewhere: while one upload is begun, others are, and one stays of each object") {
  Remote remote;
  std::string content = random_bytes(1, 5000), other = random_bytes(2, 5000);
  Json inner, others;
  remote.store.meanwhile("begin", [&] {
    others = remote.actions(other);
    inner = remote.actions(content);
  });
  Json outer = remote.actions(content);
  CHECK(others["upload"]["header"].contains("00001"));
  CHECK(outer["upload"]["href"] == inner["upload"]["href"]);
  CHECK(remote.store.begun == 3);
  CHECK(remote.store.uploads.size() == 2);
  // One that is too old goes, and whoever asks meanwhile is not kept waiting.
  remote.hub.now += upload_lifetime_s;
  remote.store.meanwhile("abort", [&] { inner = remote.actions(content); });
  Json fresh = remote.actions(content);
  CHECK(fresh["upload"]["href"] != outer["upload"]["href"]);
  CHECK(inner["upload"]["header"] == fresh["upload"]["header"]);
  CHECK(remote.store.uploads.size() == 2);
}

TEST_CASE("elsewhere: a verify that was sent twice") {
  std::string content = random_bytes(1, 1500);
  for (std::string_view call : {"read", "copy", "removed"}) {
    CAPTURE(call);
    Remote remote;
    Json actions = remote.actions(content);
    CHECK(remote.verify(actions, content) == 404);
    std::string url = actions["upload"]["href"];
    remote.store.objects[url.substr(std::string_view("memory:").size())] = content;
    int again = 0;
    remote.store.meanwhile(call, [&] { again = remote.verify(actions, content); });
    CHECK(remote.verify(actions, content) == 200);
    CHECK(again == 200);
    CHECK(remote.store.objects.size() == 1);
  }
}

}  // namespace headrace::hub
