// sim_http_test.cc: our client against our server in simulated worlds, rough ones included.
// Whatever happens, a request that was answered with 200 arrived byte for byte, every one comes to
// an end, and nothing is left: no child, no block, no socket, no broken promise.
#include <cstdlib>
#include <map>

#include <doctest/doctest.h>

#include "io/arena.h"
#include "net/http_retry.h"
#include "net/http_server.h"
#include "tests/sim/sim_world.h"

namespace headrace {
namespace {

std::byte byte_at(std::uint64_t seed, std::uint64_t offset) {
  return static_cast<std::byte>((offset * 131 + (offset >> 9) + seed * 17) & 0xff);
}

void fill(std::span<std::byte> into, std::uint64_t seed, std::uint64_t offset) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] = byte_at(seed, offset + i);
}

class PatternSource final : public RangeSource {
 public:
  explicit PatternSource(std::uint64_t seed) : seed_(seed) {}
  Task<Result<std::size_t>> read(Scope& scope, std::uint64_t offset,
                                 std::span<std::byte> into) override {
    co_await scope.worker().sleep(scope, Duration(scope.worker().prng().below(3'000'000)));
    fill(into, seed_, offset);
    co_return into.size();
  }

 private:
  const std::uint64_t seed_;
};

// Compares what comes with the pattern of the request's name, and now and then behaves badly.
class JudgeHandler final : public HttpHandler {
 public:
  explicit JudgeHandler(Prng& prng) : prng_(prng) {}
  std::map<std::string, int> arrived;
  bool misbehaves = false;

  Task<ServerReply> handle(Scope& scope, const ServerRequest& request, RequestBody& body) override {
    ServerReply reply;
    std::uint64_t mood = misbehaves ? prng_.below(12) : 12;
    if (mood == 0) {
      reply.status = 403;
      co_return reply;
    }
    if (mood == 1) {
      reply.status = 503;
      co_return reply;
    }
    std::uint64_t seed = std::strtoull(request.target.c_str() + 1, nullptr, 10);
    std::uint64_t offset = 0;
    bool same = true;
    while (true) {
      Result<std::span<const std::byte>> piece = co_await body.next(scope);
      if (!piece) co_return reply;
      if (piece->empty()) break;
      for (std::byte one : *piece) same = same && one == byte_at(seed, offset++);
    }
    if (!same || std::to_string(offset) != request.headers.value_or("x-size", "")) {
      reply.status = 400;
      co_return reply;
    }
    ++arrived[request.target];
    if (mood == 2) reply.cut_after = prng_.below(60);
    if (mood == 3) co_await scope.worker().sleep(scope, 90s);
    reply.body = std::string(prng_.below(50'000), 'r');
    co_return reply;
  }

 private:
  Prng& prng_;
};

struct Tally {
  int good = 0;
  int refused = 0;
  int cut = 0;
  int failed = 0;
  std::map<std::string, int> codes;
};

Slice slice_of(Ticket& ticket, std::uint64_t seed, std::uint64_t offset, std::size_t size) {
  Slice block = ticket.try_take();
  CHECK(block);
  fill(block.writable().first(size), seed, offset);
  return block.sub(0, size);
}

// A body of three kinds of segments that reads as the pattern of `seed`.
void build(Body& body, PatternSource& source, Ticket& ticket, std::uint64_t seed, Prng& prng) {
  std::uint64_t offset = 0;
  std::string text(prng.below(40'000), ' ');
  fill(std::as_writable_bytes(std::span(text)), seed, 0);
  offset += text.size();
  body.add(std::move(text));
  if (prng.chance(0.5)) {
    std::size_t size = 1 + prng.below(block_size_bytes);
    body.add(slice_of(ticket, seed, offset, size));
    offset += size;
  }
  if (prng.chance(0.7)) {
    std::uint64_t size = prng.below(5 * block_size_bytes);
    body.add(Body::Range{.source = &source, .offset = offset, .size = size, .ticket = &ticket});
  }
}

Task<void> ask(Scope& scope, HttpClient& client, Arena& arena, Url url, std::uint64_t seed,
               bool cancels, Tally& tally) {
  Prng prng(seed);
  for (int round = 0; round < 4; ++round) {
    std::uint64_t name = seed * 10 + static_cast<std::uint64_t>(round);
    Ticket ticket = co_await arena.reserve(scope, 2 + prng.below(2));
    PatternSource source(name);
    HttpRequest request{.method = "PUT", .url = url, .expect_continue = prng.chance(0.1)};
    request.url.target = "/" + std::to_string(name);
    build(request.body, source, ticket, name, prng);
    request.headers.add("x-size", std::to_string(request.body.size()));
    bool cut = cancels && prng.chance(0.3);
    Scope limited(scope, cut ? Duration(prng.below(50'000'000)) : Duration::max());
    Result<HttpAnswer> answer = co_await send_retried(limited, client, request);
    if (!answer) ++tally.codes[answer.error().code];
    if (answer) {
      CHECK((answer->status == 200 || answer->status == 403));
      ++(answer->status == 200 ? tally.good : tally.refused);
    } else if (limited.cancelled()) {
      CHECK(answer.error().kind == ErrorClass::cancelled);
      ++tally.cut;
    } else {
      CHECK(answer.error().kind == ErrorClass::retry);
      CHECK(answer.error().attempts == 5);
      CHECK(!answer.error().host.empty());
      ++tally.failed;
    }
  }
}

Task<void> conversation(Scope& scope, JudgeHandler& handler, std::uint64_t seed, bool cancels,
                        Tally& tally) {
  Worker& worker = scope.worker();
  Arena arena(12 * block_size_bytes);
  SystemResolver resolver;
  HttpServer server(worker, handler);
  Result<std::uint16_t> port = server.listen("127.0.0.1", 0);
  REQUIRE(port);
  HttpClient client(worker, resolver, {.pool = {.age_max = 20s, .idle_max = 3}});
  Url url = *Url::parse("http://127.0.0.1:" + std::to_string(*port) + "/");
  Scope serving(scope);
  serving.spawn(server.serve(serving));
  Scope asking(scope);
  for (std::uint64_t i = 0; i < 5; ++i) {
    asking.spawn(ask(asking, client, arena, url, seed * 100 + i, cancels, tally));
  }
  co_await asking.join();
  co_await client.close_idle(scope);
  serving.cancel();
  co_await serving.join();
  while (arena.blocks_reserved() > 0) {  // what is done may be released later
    co_await worker.sleep(scope, 100ms);
  }
}

Tally converse(std::uint64_t seed, const SimKnobs& knobs, bool rough) {
  CAPTURE(seed);
  SimWorld world({.seed = seed, .workers = 1, .knobs = knobs});
  Prng prng(seed);
  JudgeHandler handler(prng);
  handler.misbehaves = rough;
  Tally tally;
  bool ended =
      world.run(0, [&](Scope& scope) { return conversation(scope, handler, seed, rough, tally); });
  CHECK(ended);
  bool rested = world.run([&] { return world.worker(0).idle(); }, 1h);
  CHECK(rested);
  CHECK(world.files().open_count() == 0);
  CHECK(world.violations().empty());
  for (const std::string& violation : world.violations()) MESSAGE(violation);
  CHECK(static_cast<std::size_t>(tally.good) <= handler.arrived.size());
  return tally;
}

}  // namespace

TEST_CASE("in a calm world every request arrives at once and whole") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Prng prng(seed);
    Tally tally = converse(seed, SimKnobs::calm(prng), false);
    CHECK(tally.good == 20);
  }
}

TEST_CASE("in rough worlds every request ends, and what was confirmed has arrived") {
  Tally total;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    Tally tally = converse(seed, SimKnobs::swarm(prng), true);
    total.good += tally.good;
    total.refused += tally.refused;
    total.cut += tally.cut;
    total.failed += tally.failed;
    for (const auto& [code, count] : tally.codes) total.codes[code] += count;
  }
  // Each kind of end was seen.
  CHECK(total.good > 2000);
  CHECK(total.refused > 100);
  CHECK(total.cut > 100);
}

}  // namespace headrace
