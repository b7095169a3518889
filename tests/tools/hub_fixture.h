// hub_fixture.h: a hub without a network for tests: a protocol over either store, with a clock and
// random numbers that the test holds.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "tools/hub/encoding.h"
#include "tools/hub/protocol.h"
#include "tools/hub/store_disk.h"
#include "tools/hub/store_memory.h"

namespace headrace::hub {

using Json = nlohmann::json;

inline std::string base64(std::string_view bytes) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group * 256 + (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k > bytes.size() ? '=' : alphabet[(group >> (18 - 6 * k)) & 63];
    }
  }
  return text;
}

// A directory that goes with the test; in memory where the system has such a place, since the hub
// syncs a great deal and the tests say nothing about the disk.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    for (const std::filesystem::path& base :
         {std::filesystem::path("/dev/shm"), std::filesystem::temp_directory_path()}) {
      std::string name = (base / "headrace-hub-XXXXXX").string();
      if (path_.empty() && ::mkdtemp(name.data()) != nullptr) path_ = name;
    }
    REQUIRE(!path_.empty());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class Hub {
 public:
  explicit Hub(std::unique_ptr<Store> backing, ProtocolOptions options = {})
      : store(std::move(backing)) {
    options.secret = "a secret of the test";
    options.now = [this] { return now; };
    options.random = [this] { return ++random; };
    protocol = std::make_unique<Protocol>(*store, std::move(options));
  }

  Answer call(std::string_view method, std::string_view target, std::string_view body = "") {
    Call made{.method = std::string(method),
              .target = std::string(target),
              .body = std::string(body),
              .origin = origin};
    if (!token.empty()) made.headers.set("Authorization", "Bearer " + token);
    for (const auto& [name, value] : extra) made.headers.set(name, value);
    if (Protocol::is_transfer(method, target)) {
      made.headers.set("Content-Length", std::to_string(body.size()));
    }
    return protocol->handle(made);
  }
  // By an address that the hub gave out.
  Answer follow(std::string_view method, const std::string& url, std::string_view body = "") {
    REQUIRE(url.starts_with(origin));
    return call(method, std::string_view(url).substr(origin.size()), body);
  }
  Json json(std::string_view method, std::string_view target, std::string_view body = "",
            int status = 200) {
    Answer answer = call(method, target, body);
    CHECK_MESSAGE(answer.status == status, answer.body);
    return Json::parse(answer.body, nullptr, false);
  }
  void create(std::string_view name = "me/r") {
    Json body = {{"name", std::string(name.substr(name.find('/') + 1))},
                 {"organization", std::string(name.substr(0, name.find('/')))}};
    json("POST", "/api/repos/create", body.dump());
  }
  Json batch(std::string_view oid, std::uint64_t size, std::string_view repo = "me/r") {
    Json body = {{"operation", "upload"},
                 {"transfers", {"basic", "multipart"}},
                 {"objects", {{{"oid", oid}, {"size", size}}}}};
    Json answer = json("POST", fmt::format("/{}.git/info/lfs/objects/batch", repo), body.dump());
    return answer["objects"][0];
  }
  // The object is in the repository afterwards.
  std::string upload(std::string_view content, std::string_view repo = "me/r") {
    std::string oid = sha256_hex(content);
    Json object = batch(oid, content.size(), repo);
    if (!object.contains("actions")) return oid;
    Answer put = follow("PUT", object["actions"]["upload"]["href"], content);
    CHECK_MESSAGE(put.status == 200, put.body);
    return oid;
  }
  static std::string header_line(std::string_view summary = "a commit") {
    return Json({{"key", "header"}, {"value", {{"summary", summary}, {"description", ""}}}})
               .dump() +
           "\n";
  }
  static std::string file_line(std::string_view path, std::string_view content) {
    Json value = {{"path", path}, {"content", base64(content)}, {"encoding", "base64"}};
    return Json({{"key", "file"}, {"value", value}}).dump() + "\n";
  }
  static std::string lfs_line(std::string_view path, std::string_view oid, std::uint64_t size) {
    Json value = {{"path", path}, {"algo", "sha256"}, {"oid", oid}, {"size", size}};
    return Json({{"key", "lfsFile"}, {"value", value}}).dump() + "\n";
  }
  Json commit(std::string_view lines, std::string_view target = "/api/models/me/r/commit/main",
              int status = 200) {
    return json("POST", target, lines, status);
  }
  std::string read(std::string_view path, std::string_view revision = "main") {
    Answer answer = call("GET", fmt::format("/me/r/resolve/{}/{}", revision, path));
    if (answer.status != 200) return fmt::format("status {}", answer.status);
    return body_of(answer);
  }
  static std::string body_of(Answer& answer) {
    if (!answer.content) return answer.body;
    std::string bytes(answer.content_size, '\0');
    std::size_t done = 0;
    while (done < bytes.size()) {
      auto count = answer.content->read(answer.content_offset + done,
                                        std::as_writable_bytes(std::span(bytes)).subspan(done));
      REQUIRE(count);
      REQUIRE(*count > 0);
      done += *count;
    }
    return bytes;
  }

  std::int64_t now = 1'795'468'909;
  std::uint64_t random = 0;
  std::string origin = "http://127.0.0.1:1234";
  std::string token = "a-token";
  Headers extra;
  std::unique_ptr<Store> store;
  std::unique_ptr<Protocol> protocol;
};

// Runs `test` over both stores.
template <class Test>
void with_each_store(Test test) {
  SUBCASE("memory") { test(make_memory_store()); }
  SUBCASE("disk") {
    TemporaryDirectory root;
    auto disk = open_disk_store(root.path());
    REQUIRE(disk);
    test(std::move(disk->store));
  }
}

}  // namespace headrace::hub
