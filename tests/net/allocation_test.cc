// Sending a block costs no call of the allocator: counted over bodies of two lengths. How sends and
// answers interleave may cost a frame more or less, so each length goes several times and its
// cheapest request counts.
#include <algorithm>

#include <doctest/doctest.h>

#include "io/arena.h"
#include "tests/support/allocations.h"
#include "tests/support/http.h"

namespace headrace {
namespace {

constexpr std::uint64_t rounds = 5;

// Leaves the block as it is.
class NothingSource final : public RangeSource {
 public:
  Task<Result<std::size_t>> read(Scope&, std::uint64_t, std::span<std::byte> into) override {
    co_return into.size();
  }
};

Task<void> put(Scope& scope, HttpClient& client, HttpRequest& request, std::size_t& cost) {
  std::size_t before = allocations();
  Result<HttpAnswer> answer = co_await client.send(scope, request);
  cost = std::min(cost, allocations() - before);
  REQUIRE(answer);
  CHECK(answer->status == 200);
}

Task<void> serve_beside(Scope& scope, HttpServer& server, HttpClient& client, HttpRequest& few,
                        HttpRequest& many, std::size_t& few_cost, std::size_t& many_cost) {
  Scope serving(scope);
  serving.spawn(server.serve(serving));
  // The first fills what is kept between requests.
  std::size_t first = SIZE_MAX;
  co_await put(scope, client, many, first);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    co_await put(scope, client, few, few_cost);
    co_await put(scope, client, many, many_cost);
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
  ForgetfulHandler sink;
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
  std::size_t few_cost = SIZE_MAX;
  std::size_t many_cost = SIZE_MAX;
  loop.run(serve_beside(*loop.scope, server, client, few, many, few_cost, many_cost));
  CHECK(sink.bytes == ((rounds + 1) * many_blocks + rounds * few_blocks) * block_size_bytes);
  CHECK(many_cost <= few_cost);
}

}  // namespace headrace
