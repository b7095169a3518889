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
#include "tests/support/target.h"

namespace headrace {

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
  Counters counters;

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
    SendPart work{
        .object = 0,
        .file = 0,
        .identity = *identity,
        .part = 0,
        .generation = 1,
        .tries = 0,
        .target = std::make_shared<EvenTarget>(file.size, file.size, loopback_url(port, "/part")),
        .slices = std::move(kept.slices)};
    PartUpload part{
        .client = client, .source = source, .work = work, .ticket = ticket, .counters = counters};
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
