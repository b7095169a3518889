// Sending a block costs no call of the allocator and no copy: counted over bodies of two lengths.
#include <algorithm>
#include <cstdlib>
#include <new>

#include <doctest/doctest.h>

#include "io/arena.h"
#include "tests/support/http.h"

namespace {
std::size_t allocations = 0;
}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace headrace {
namespace {

// Reads and forgets.
class Sink final : public HttpHandler {
 public:
  std::uint64_t bytes = 0;
  Task<ServerReply> handle(Scope& scope, const ServerRequest&, RequestBody& body) override {
    while (true) {
      Result<std::span<const std::byte>> piece = co_await body.next(scope);
      if (!piece || piece->empty()) break;
      bytes += piece->size();
    }
    co_return ServerReply();
  }
};

// Leaves the block as it is.
class NothingSource final : public RangeSource {
 public:
  Task<Result<std::size_t>> read(Scope&, std::uint64_t, std::span<std::byte> into) override {
    co_return into.size();
  }
};

Task<void> put(Scope& scope, HttpClient& client, HttpRequest& request, std::size_t& cost) {
  std::size_t before = allocations;
  Result<HttpAnswer> answer = co_await client.send(scope, request);
  cost = allocations - before;
  REQUIRE(answer);
  CHECK(answer->status == 200);
}

Task<void> serve_beside(Scope& scope, HttpServer& server, HttpClient& client, HttpRequest& few,
                        HttpRequest& many, std::vector<std::size_t>& costs) {
  Scope serving(scope);
  serving.spawn(server.serve(serving));
  for (HttpRequest* request : {&many, &few, &many}) {
    std::size_t cost = 0;
    co_await put(scope, client, *request, cost);
    costs.push_back(cost);
  }
  co_await client.close_idle(scope);
  serving.cancel();
  co_await serving.join();
}

}  // namespace

TEST_CASE("a block more costs no allocation") {
  constexpr std::uint64_t few_blocks = 16;
  constexpr std::uint64_t many_blocks = 1016;
  Loop loop;
  Sink sink;
  SystemResolver resolver;
  HttpServer server(*loop.worker, sink);
  std::uint16_t port = *server.listen("127.0.0.1", 0);
  HttpClient client(*loop.worker, resolver);
  Arena arena(4 * block_size_bytes);
  Ticket ticket = arena.try_reserve(2);
  NothingSource source;
  auto request_of = [&](std::uint64_t blocks) {
    HttpRequest request{.method = "PUT", .url = *Url::parse(loopback_url(port, "/"))};
    request.body.add(Body::Range{
        .source = &source, .offset = 0, .size = blocks * block_size_bytes, .ticket = &ticket});
    return request;
  };
  HttpRequest few = request_of(few_blocks);
  HttpRequest many = request_of(many_blocks);
  std::vector<std::size_t> costs;
  loop.run(serve_beside(*loop.scope, server, client, few, many, costs));
  REQUIRE(costs.size() == 3);
  CHECK(sink.bytes == (2 * many_blocks + few_blocks) * block_size_bytes);
  // How sends and answers interleave may need a frame more at once; a block must not.
  CHECK(costs[2] < costs[1] + few_blocks);
}

}  // namespace headrace
