#include "net/dialer.h"

#include <doctest/doctest.h>

#include "io/worker.h"
#include "net/address.h"
#include "net/resolver.h"
#include "tests/support/loop.h"
#include "tests/support/loopback.h"

namespace headrace {
namespace {

Task<void> dial_into(Scope& scope, std::vector<SocketAddress> addresses, Duration limit,
                     std::optional<Result<int>>& result) {
  Result<int> socket = co_await dial(scope, addresses, limit, "host:1");
  result = socket;
  if (socket) co_await scope.worker().close(scope, *socket);
}

Result<int> dialed(Loop& loop, std::vector<SocketAddress> addresses, Duration limit = 10s) {
  std::optional<Result<int>> result;
  loop.run(dial_into(*loop.scope, std::move(addresses), limit, result));
  return *result;
}

Task<void> resolve_into(Scope& scope, Resolver& resolver, std::string host,
                        std::optional<Result<std::vector<SocketAddress>>>& found) {
  Result<std::vector<SocketAddress>> got = co_await resolver.resolve(scope, host, 80);
  found = std::move(got);
}

}  // namespace

TEST_CASE("addresses and their text") {
  CHECK(text_of(*numeric_address("127.0.0.1", 80)) == "127.0.0.1:80");
  CHECK(text_of(*numeric_address("::1", 8080)) == "[::1]:8080");
  CHECK(!numeric_address("localhost", 80));
  CHECK(!numeric_address("1.2.3", 80));
}

TEST_CASE("families take turns, IPv6 first") {
  std::vector<SocketAddress> mixed =
      by_turns({*numeric_address("1.1.1.1", 1), *numeric_address("2.2.2.2", 1),
                *numeric_address("::1", 1), *numeric_address("3.3.3.3", 1)});
  std::string order;
  for (const SocketAddress& address : mixed) order += text_of(address) + " ";
  CHECK(order == "[::1]:1 1.1.1.1:1 2.2.2.2:1 3.3.3.3:1 ");
}

TEST_CASE("a refused address hands over to the next one at once") {
  Loop loop;
  ClosedPort closed("127.0.0.1");
  SocketAddress open = *numeric_address("127.0.0.1", 0);
  int listener = loop.worker->backend().listen(open);
  REQUIRE(listener >= 0);
  CHECK(dialed(loop, {closed.address, open}));
  CHECK(dialed(loop, {open, closed.address}));
  ::close(listener);
}

TEST_CASE("where nobody listens, the error names host and address") {
  Loop loop;
  ClosedPort closed("127.0.0.1");
  Result<int> socket = dialed(loop, {closed.address, closed.address});
  REQUIRE(!socket);
  CHECK(socket.error().code == "connect_failed");
  CHECK(socket.error().kind == ErrorClass::retry);
  CHECK(socket.error().sys_error == ECONNREFUSED);
  CHECK(socket.error().stage == "connect");
  CHECK(socket.error().message.contains("host:1"));
  CHECK(socket.error().message.contains(text_of(closed.address)));
}

TEST_CASE("a full backlog that never answers runs into the limit") {
  Loop loop;
  ClosedPort listening("127.0.0.1");
  REQUIRE(::listen(listening.socket, 0) == 0);
  // Two connections fill a backlog of none; later ones are not answered.
  std::vector<int> fillers;
  for (int i = 0; i < 3; ++i) {
    int filler = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    auto* name = reinterpret_cast<const sockaddr*>(&listening.address.storage);
    CHECK(::connect(filler, name, listening.address.size) == -1);
    fillers.push_back(filler);
  }
  Result<int> socket = dialed(loop, {listening.address}, 30ms);
  REQUIRE(!socket);
  CHECK(socket.error().code == "connect_timeout");
  CHECK(socket.error().kind == ErrorClass::retry);
  for (int filler : fillers) ::close(filler);
}

TEST_CASE("a cancelled scope connects nowhere") {
  Loop loop;
  loop.scope->cancel();
  Result<int> socket = dialed(loop, {*numeric_address("127.0.0.1", 1)});
  REQUIRE(!socket);
  CHECK(socket.error().kind == ErrorClass::cancelled);
}

TEST_CASE("numbers need no lookup, localhost is known, a reserved name is not") {
  Loop loop;
  SystemResolver resolver;
  std::optional<Result<std::vector<SocketAddress>>> found;
  loop.run(resolve_into(*loop.scope, resolver, "::1", found));
  REQUIRE(*found);
  CHECK(text_of((**found)[0]) == "[::1]:80");
  loop.run(resolve_into(*loop.scope, resolver, "localhost", found));
  REQUIRE(*found);
  CHECK(!(*found)->empty());
  loop.run(resolve_into(*loop.scope, resolver, "no-such-host.invalid", found));
  REQUIRE(!*found);
  CHECK((*found).error().stage == "resolve");
  CHECK((*found).error().message.contains("no-such-host.invalid"));
  CHECK(!(*found).error().hint.empty());
}

}  // namespace headrace
