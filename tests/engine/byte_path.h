// byte_path.h: the engine's way of one file, for tests that watch it: a read pass with SHA-256,
// then one part that holds all of it, to a server on loopback that reads and forgets.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>

#include "engine/part_upload.h"
#include "engine/read_pass.h"
#include "io/digest/sha256.h"
#include "tests/support/http.h"

namespace headrace {

class ForgetfulHandler final : public HttpHandler {
 public:
  std::uint64_t bytes = 0;
  Task<ServerReply> handle(Scope& scope, const ServerRequest&, RequestBody& body) override {
    while (true) {
      Result<std::span<const std::byte>> piece = co_await body.next(scope);
      if (!piece || piece->empty()) break;
      bytes += piece->size();
    }
    ServerReply reply;
    reply.headers.set("etag", "\"1\"");
    co_return reply;
  }
};

class OnePart final : public Target {
 public:
  OnePart(std::string url, std::uint64_t size) : url_(std::move(url)), size_(size) {}
  std::uint32_t part_count() const override { return 1; }
  PartRange range(std::uint32_t) const override {
    return {.number = 1, .offset = 0, .size = size_};
  }
  Result<PartRequest> request(std::uint32_t) const override {
    return PartRequest{.method = "PUT", .url = url_, .headers = {}};
  }
  Result<std::string> judge_part(const HttpAnswer& answer, Error error,
                                 std::int64_t) const override {
    if (answer.status != 200) return fail(std::move(error));
    return std::string(answer.headers.value_or("etag", ""));
  }
  Task<Status> finish(Scope&, const FinishCall&) const override { co_return Status(); }
  AfterFinish judge_finish(const Error&) const override { return AfterFinish::fail; }
  const std::string& upload_name() const override { return url_; }

 private:
  const std::string url_;
  const std::uint64_t size_;
};

// A file of as many blocks, the last one short, that goes with the test.
class BlockFile {
 public:
  explicit BlockFile(std::size_t blocks) : size(blocks * block_size_bytes - 1000) {
    int file = ::mkstemp(path.data());
    REQUIRE(file >= 0);
    REQUIRE(::ftruncate(file, static_cast<off_t>(size)) == 0);
    ::close(file);
  }
  ~BlockFile() { ::unlink(path.c_str()); }
  BlockFile(const BlockFile&) = delete;

  std::string path = "/tmp/headrace-blocks-XXXXXX";
  std::uint64_t size;
};

struct BytePath {
  explicit BytePath(const Loop::Wrap& wrap = {}) : loop(wrap) {}
  Loop loop;
  SystemResolver resolver;
  ForgetfulHandler handler;
  HttpServer server{*loop.worker, handler};
  std::uint16_t port = *server.listen("127.0.0.1", 0);
  HttpClient client{*loop.worker, resolver};
  Arena arena{320 * block_size_bytes};
  std::atomic<std::uint64_t> sent = 0;

  // Hashed, then sent: from the arena if it was kept, else read a second time.
  Task<void> upload(Scope& scope, const BlockFile& file, bool keeps) {
    FileSource source(file.path);
    Sha256 digest;
    DigestTap tap(digest);
    Tap* const taps[] = {&tap};
    Ticket ticket = arena.try_reserve(2);
    Retained kept;
    if (keeps) kept.ticket = arena.try_reserve(file.size / block_size_bytes + 1);
    ReadPass pass{.source = source,
                  .size = file.size,
                  .taps = taps,
                  .ticket = ticket,
                  .keep = keeps ? &kept : nullptr};
    Result<FileIdentity> identity = co_await pass.run(scope);
    REQUIRE(identity);
    SendPart work{.object = 0,
                  .file = 0,
                  .identity = *identity,
                  .part = 0,
                  .generation = 1,
                  .tries = 0,
                  .target = std::make_shared<OnePart>(loopback_url(port, "/part"), file.size),
                  .slices = std::move(kept.slices)};
    PartUpload part{
        .client = client, .source = source, .work = work, .ticket = ticket, .bytes_sent = sent};
    Result<std::string> etag = co_await part.run(scope);
    REQUIRE(etag);
    CHECK(*etag == "\"1\"");
  }
  // `task` beside the server.
  Task<void> beside(Scope& scope, Task<void> task) {
    Scope serving(scope);
    serving.spawn(server.serve(serving));
    co_await task;
    co_await client.close_idle(scope);
    serving.cancel();
    co_await serving.join();
  }
  void run(Task<void> task) { loop.run(beside(*loop.scope, std::move(task))); }
};

}  // namespace headrace
