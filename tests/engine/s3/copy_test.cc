#include "engine/s3/copy.h"

#include <doctest/doctest.h>

#include "io/digest/sha256.h"
#include "tests/engine/s3/store_peer.h"
#include "tests/support/random_bytes.h"

namespace headrace {
namespace {

constexpr std::size_t mib = 1 << 20;

const UploadResult& done(const Result<UploadResult>& result) {
  if (!result) FAIL(describe(result.error()));
  return *result;
}

bool is_part(const StorePeer::Seen& seen) { return seen.target.contains("partNumber="); }

}  // namespace

TEST_CASE("a small file is one PUT with its checksum before it and its type by its name") {
  CopyFolder folder;
  CopyLoop loop;
  std::string file = folder.write("a.json", "{\"a\": 1}");
  Result<UploadResult> result = loop.copy(loop.request(file, "in/"));
  CHECK(done(result).url == "s3://b/in/a.json");
  REQUIRE(loop.store.objects.contains("b/in/a.json"));
  const StoredObject& object = loop.store.objects["b/in/a.json"];
  CHECK(object.bytes == "{\"a\": 1}");
  CHECK(object.fields.value_or("x-amz-checksum-crc64nvme", "") == crc64_text(object.bytes));
  CHECK(object.fields.value_or("content-type", "") == "application/json");
  CHECK(object.fields.value_or("x-amz-content-sha256", "") == "UNSIGNED-PAYLOAD");
  CHECK(object.fields.value_or("authorization", "").contains("AKID/"));
  CHECK(loop.store.calls == std::vector<std::string>{"GET list", "PUT"});
}

TEST_CASE("a store that names no checksum is asked by HEAD what it has") {
  CopyFolder folder;
  CopyLoop loop;
  loop.store.names_checksums = false;
  done(loop.copy(loop.request(folder.write("a", "text"), "a")));
  CHECK(loop.store.calls == std::vector<std::string>{"GET list", "PUT", "HEAD"});
}

TEST_CASE("what does not fit two blocks carries its checksum behind it") {
  CopyFolder folder;
  CopyLoop loop;
  std::string bytes = random_bytes(1, 9 * mib + 17);
  std::string trailer;
  loop.store.instead = [&](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
    if (seen.method == "PUT") trailer = unpack(seen).trailer;
    return std::nullopt;
  };
  done(loop.copy(loop.request(folder.write("a.bin", bytes), "k")));
  CHECK(loop.store.objects["b/k"].bytes == bytes);
  CHECK(trailer == "x-amz-checksum-crc64nvme:" + crc64_text(bytes));
}

TEST_CASE("a large file goes in parts, and its combined checksum with the completion") {
  CopyFolder folder;
  CopyLoop loop;
  std::string bytes = random_bytes(2, 17 * mib + 5);
  CopyRequest request = loop.request(folder.write("a", bytes), "k");
  request.part_size = 5 * mib;
  request.metadata = {{"author", "me"}};
  std::string whole;
  loop.store.instead = [&](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
    if (seen.method == "POST" && seen.target.contains("uploadId="))
      whole = seen.headers.value_or("x-amz-checksum-crc64nvme", "");
    return std::nullopt;
  };
  done(loop.copy(std::move(request)));
  CHECK(loop.store.objects["b/k"].bytes == bytes);
  CHECK(loop.store.objects["b/k"].fields.value_or("x-amz-meta-author", "") == "me");
  CHECK(whole == crc64_text(bytes));
  CHECK(loop.store.count("PUT part") == 4);
  CHECK(loop.store.calls.back() == "HEAD");
  CHECK(loop.store.uploads.empty());
}

TEST_CASE("an upload that the store lost midway is begun anew, once") {
  CopyFolder folder;
  std::string bytes = random_bytes(3, 6 * mib);
  std::string file = folder.write("a", bytes);
  for (std::size_t losses : {1u, 2u}) {
    CopyLoop loop;
    CopyRequest request = loop.request(file, "k");
    request.part_size = 5 * mib;
    loop.store.instead = [&](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
      if (is_part(seen) && loop.store.uploads_begun <= losses)
        return StorePeer::error(404, "NoSuchUpload");
      return std::nullopt;
    };
    Result<UploadResult> result = loop.copy(std::move(request));
    CHECK(loop.store.uploads_begun == 2);
    if (losses == 1) {
      done(result);
      CHECK(loop.store.objects["b/k"].bytes == bytes);
    } else {
      REQUIRE(!result);
      CHECK(result.error().code == "no_such_upload");
    }
  }
}

TEST_CASE("a completion whose answer was lost is found by the object's checksum") {
  CopyFolder folder;
  CopyLoop loop;
  std::string bytes = random_bytes(4, 6 * mib);
  CopyRequest request = loop.request(folder.write("a", bytes), "k");
  request.part_size = 5 * mib;
  loop.store.instead = [&](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
    if (loop.store.calls.back() != "POST upload" || loop.store.uploads.empty()) return {};
    loop.store.instead = {};
    loop.store.answer(seen);
    return StorePeer::error(500, "InternalError");
  };
  done(loop.copy(std::move(request)));
  CHECK(loop.store.uploads_begun == 1);
  CHECK(loop.store.objects["b/k"].bytes == bytes);
}

TEST_CASE("a success that holds an error is asked for again") {
  CopyFolder folder;
  CopyLoop loop;
  std::string bytes = random_bytes(5, 6 * mib);
  CopyRequest request = loop.request(folder.write("a", bytes), "k");
  request.part_size = 5 * mib;
  int completions = 0;
  loop.store.instead = [&](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
    bool completes = seen.method == "POST" && seen.target.contains("uploadId=");
    if (!completes || ++completions > 1) return std::nullopt;
    ServerReply reply = StorePeer::error(200, "InternalError");
    return reply;
  };
  done(loop.copy(std::move(request)));
  CHECK(completions == 2);
  CHECK(loop.store.objects["b/k"].bytes == bytes);
}

TEST_CASE("a completion that says no is told, and its upload aborted") {
  CopyFolder folder;
  CopyLoop loop;
  CopyRequest request = loop.request(folder.write("a", random_bytes(6, 6 * mib)), "k");
  request.part_size = 5 * mib;
  loop.store.instead = [&](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
    bool completes = seen.method == "POST" && seen.target.contains("uploadId=");
    if (!completes) return std::nullopt;
    return StorePeer::error(400, "EntityTooSmall");
  };
  Result<UploadResult> result = loop.copy(std::move(request));
  REQUIRE(!result);
  CHECK(result.error().code == "part_too_small");
  CHECK(result.error().stage == "complete");
  CHECK(result.error().status == 400);
  CHECK(result.error().server_message == "EntityTooSmall: said EntityTooSmall");
  CHECK(loop.store.count("DELETE upload") == 1);
  CHECK(loop.store.uploads.empty());
}

TEST_CASE("an object whose checksum disagrees is not called done") {
  CopyFolder folder;
  CopyLoop loop;
  std::string file = folder.write("a", "what was sent");
  loop.store.instead = [&](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
    if (seen.method != "PUT") return std::nullopt;
    ServerReply reply;
    reply.headers.set("etag", "\"e\"");
    reply.headers.set("x-amz-checksum-crc64nvme", crc64_text("another"));
    return reply;
  };
  Result<UploadResult> result = loop.copy(loop.request(file, "k"));
  REQUIRE(!result);
  CHECK(result.error().code == "checksum_mismatch");
  CHECK(result.error().attempts == 5);
}

TEST_CASE("what is there with the same content stays, what differs is sent") {
  CopyFolder folder;
  CopyLoop loop;
  folder.write("same", "the same");
  folder.write("other", "new text");
  loop.store.objects["b/d/same"].bytes = "the same";
  loop.store.objects["b/d/other"].bytes = "old text";
  CopyRequest request = loop.request(folder.path(), "d");
  request.skip_same = true;
  Result<UploadResult> result = loop.copy(std::move(request));
  CHECK(done(result).totals.files_unchanged == 1);
  CHECK(loop.store.count("PUT") == 1);
  CHECK(loop.store.objects["b/d/other"].bytes == "new text");
}

TEST_CASE("an object that exists is an error where it must not") {
  CopyFolder folder;
  CopyLoop loop;
  loop.store.objects["b/k"].bytes = "old";
  CopyRequest request = loop.request(folder.write("a", "new"), "k");
  request.if_none_match = true;
  Result<UploadResult> result = loop.copy(std::move(request));
  REQUIRE(!result);
  CHECK(result.error().code == "object_exists");
  CHECK(loop.store.objects["b/k"].bytes == "old");
}

TEST_CASE("a bucket of another region is found there, and that is said") {
  CopyFolder folder;
  CopyLoop loop;
  std::string file = folder.write("a", "text");
  loop.store.instead = [](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
    if (seen.headers.value_or("authorization", "").contains("/eu-west-1/")) return std::nullopt;
    return StorePeer::error(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>");
  };
  done(loop.copy(loop.request(file, "k")));
  CHECK(loop.store.count("GET list") == 2);
  CHECK(loop.store.count("PUT") == 1);
  CHECK(loop.reporter.noted("eu-west-1"));
}

TEST_CASE("a clock that is off by an hour is put right once, and that is said") {
  CopyFolder folder;
  CopyLoop loop;
  std::string file = folder.write("a", "text");
  std::int64_t ahead = 3600 + loop.net.loop.worker->backend().wall_seconds();
  loop.store.instead = [&](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
    std::string date = http_date(ahead);  // Thu, 01 Jan 2026 …
    if (seen.headers.value_or("x-amz-date", "").substr(9, 2) == date.substr(17, 2))
      return std::nullopt;
    ServerReply reply = StorePeer::error(403, "RequestTimeTooSkewed");
    reply.headers.set("date", date);
    return reply;
  };
  done(loop.copy(loop.request(file, "k")));
  CHECK(loop.store.count("GET list") == 2);
  CHECK(loop.store.count("PUT") == 1);
  CHECK(loop.reporter.noted("clock"));
}

TEST_CASE("a bucket that is not there is told before anything is sent") {
  CopyFolder folder;
  CopyLoop loop;
  std::string file = folder.write("a", "text");
  loop.store.instead = [](const StorePeer::Seen&) -> std::optional<ServerReply> {
    return StorePeer::error(404, "NoSuchBucket");
  };
  Result<UploadResult> result = loop.copy(loop.request(file, "k"));
  REQUIRE(!result);
  CHECK(result.error().code == "no_such_bucket");
  CHECK(loop.store.calls == std::vector<std::string>{"GET list"});
}

TEST_CASE("a copy that is stopped aborts its upload") {
  CopyFolder folder;
  CopyLoop loop;
  CopyRequest request = loop.request(folder.write("a", random_bytes(7, 40 * mib)), "k");
  request.part_size = 5 * mib;
  Result<UploadResult> result = loop.copy(std::move(request), [&](Scope& scope) {
    if (loop.store.count("PUT part") > 0 && !scope.cancelled()) scope.cancel();
  });
  REQUIRE(!result);
  CHECK(result.error().kind == ErrorClass::cancelled);
  CHECK(loop.store.uploads.empty());
  CHECK(loop.store.count("DELETE upload") == 1);
}

TEST_CASE("files of a folder keep their names below the key, and empty ones go too") {
  CopyFolder folder;
  CopyLoop loop;
  folder.write("empty", "");
  folder.write("b c+d.txt", "odd name");
  folder.write("left.log", "no");
  CopyRequest request = loop.request(folder.path(), "x/y");
  request.exclude = {"*.log"};
  Result<UploadResult> result = loop.copy(std::move(request));
  CHECK(done(result).url == "s3://b/x/y");
  CHECK(done(result).totals.files == 2);
  REQUIRE(loop.store.objects.contains("b/x/y/empty"));
  CHECK(loop.store.objects["b/x/y/empty"].bytes.empty());
  CHECK(loop.store.objects["b/x/y/b c+d.txt"].bytes == "odd name");
  CHECK(loop.store.objects.size() == 2);
}

TEST_CASE("keys that expire are replaced, and the same upload goes on") {
  CopyFolder folder;
  CopyLoop loop;
  std::string bytes = random_bytes(10, 6 * mib);
  CopyRequest request = loop.request(folder.write("a", bytes), "k");
  request.part_size = 5 * mib;
  int refused = 0;
  loop.store.instead = [&](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
    if (!is_part(seen) || refused++ > 0) return std::nullopt;
    return StorePeer::error(400, "ExpiredToken");
  };
  done(loop.copy(std::move(request)));
  CHECK(loop.store.uploads_begun == 1);
  CHECK(loop.store.objects["b/k"].bytes == bytes);
}

TEST_CASE("where payloads are signed, a part is read whole and its digest signed") {
  CopyFolder folder;
  CopyLoop loop;
  std::string bytes = random_bytes(11, 6 * mib);
  CopyRequest request = loop.request(folder.write("a", bytes), "k");
  request.account.settings.sign_payload = true;
  request.part_size = 5 * mib;
  loop.store.instead = [&](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
    if (!is_part(seen)) return std::nullopt;
    CHECK_FALSE(seen.headers.find("x-amz-trailer"));
    CHECK(seen.headers.value_or("x-amz-checksum-crc64nvme", "") == crc64_text(seen.body));
    CHECK(seen.headers.value_or("x-amz-content-sha256", "") == sha256_of(seen.body).hex());
    return std::nullopt;
  };
  done(loop.copy(std::move(request)));
  CHECK(loop.store.count("PUT part") == 2);
  CHECK(loop.store.objects["b/k"].bytes == bytes);
}

TEST_CASE("a store that is too busy is left alone for a while, and asked again") {
  CopyFolder folder;
  CopyLoop loop;
  std::string file = folder.write("a", "text");
  loop.store.instead = [&](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
    if (seen.method != "PUT" || loop.store.count("PUT") > 1) return std::nullopt;
    return StorePeer::error(503, "SlowDown");
  };
  Result<UploadResult> result = loop.copy(loop.request(file, "k"));
  CHECK(done(result).totals.retries == 1);
  CHECK(loop.store.count("PUT") == 2);
}

TEST_CASE("a store that nobody knows is tried once, and what it showed is remembered") {
  CopyFolder folder;
  CopyLoop loop;
  std::string file = folder.write("a", random_bytes(8, mib));
  std::string memory = folder.write("memory", "");
  CopyRequest request = loop.request(file, "k");
  request.account.stores_file = memory;
  done(loop.copy(request));
  CHECK(loop.store.calls == std::vector<std::string>{"GET list", "POST uploads", "PUT part",
                                                     "GET upload", "DELETE upload", "PUT"});
  CHECK(loop.store.objects.size() == 1);
  CHECK(loop.store.objects["b/k"].fields.find("x-amz-trailer"));
  loop.store.calls.clear();
  done(loop.copy(request));
  CHECK(loop.store.calls == std::vector<std::string>{"GET list", "PUT"});
}

TEST_CASE("a store that takes a trailer for content gets none") {
  CopyFolder folder;
  CopyLoop loop;
  std::string bytes = random_bytes(9, mib);
  CopyRequest request = loop.request(folder.write("a", bytes), "k");
  request.account.stores_file = folder.write("memory", "");
  loop.store.names_checksums = false;
  loop.store.instead = [&](const StorePeer::Seen& seen) -> std::optional<ServerReply> {
    if (!is_part(seen)) return std::nullopt;
    ServerReply reply;
    reply.headers.set("etag", "\"raw\"");
    loop.store.uploads.begin()->second.parts[1] = seen.body;
    return reply;
  };
  done(loop.copy(std::move(request)));
  CHECK(loop.store.objects["b/k"].bytes == bytes);
  CHECK_FALSE(loop.store.objects["b/k"].fields.find("x-amz-trailer"));
}

TEST_CASE("parts are of a size that S3 takes") {
  CHECK(s3_part_size(1, 0).value() == 16 * mib);
  CHECK(s3_part_size(160'000ULL * mib, 0).value() == 16 * mib);
  std::uint64_t large = s3_part_size(5ULL << 40, 0).value();
  CHECK((5ULL << 40) <= large * 10'000);
  CHECK(large % block_size_bytes == 0);
  CHECK(s3_part_size(1, 6 * mib).value() == 6 * mib);
  CHECK(s3_part_size(1, mib).error().code == "bad_part_size");
  CHECK(s3_part_size(6'000'000ULL * mib, 5 * mib).error().code == "bad_part_size");
  CHECK(s3_part_size(60ULL << 50, 0).error().code == "object_too_large");
  CHECK(s3_part_size(1, 0, 64 * mib).value() == 64 * mib);
  CHECK(s3_part_size(1, 0, mib).value() == 5 * mib);
  CHECK(s3_part_size(5ULL << 40, 0, 8 * mib).value() == large);
  CHECK(s3_part_size(1, 6 * mib, 64 * mib).value() == 6 * mib);
}

}  // namespace headrace
