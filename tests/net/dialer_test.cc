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
                     AddressScores* scores, std::optional<Result<Dialed>>& result) {
  Result<Dialed> made = co_await dial(scope, addresses, limit, "host:1", scores);
  result = made;
  if (made) co_await scope.worker().close(scope, made->socket);
}

Result<Dialed> dialed(Loop& loop, std::vector<SocketAddress> addresses, Duration limit = 10s,
                      AddressScores* scores = nullptr) {
  std::optional<Result<Dialed>> result;
  loop.run(dial_into(*loop.scope, std::move(addresses), limit, scores, result));
  return *result;
}

// Two connections fill a backlog of none; later ones are not answered.
struct SilentPort : ClosedPort {
  SilentPort() : ClosedPort("127.0.0.1") {
    CHECK(::listen(socket, 0) == 0);
    for (int& filler : fillers) {
      filler = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      auto* name = reinterpret_cast<const sockaddr*>(&address.storage);
      CHECK(::connect(filler, name, address.size) == -1);
    }
  }
  ~SilentPort() {
    for (int filler : fillers) ::close(filler);
  }
  std::array<int, 3> fillers{};
};

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
  Result<Dialed> socket = dialed(loop, {closed.address, closed.address});
  REQUIRE(!socket);
  CHECK(socket.error().code == "connect_failed");
  CHECK(socket.error().kind == ErrorClass::retry);
  CHECK(socket.error().sys_error == ECONNREFUSED);
  CHECK(socket.error().stage == "connect");
  CHECK(socket.error().message.contains("host:1"));
  CHECK(socket.error().message.contains(text_of(closed.address)));
  CHECK(socket.error().address == text_of(closed.address));
}

TEST_CASE("a full backlog that never answers runs into the limit") {
  Loop loop;
  SilentPort silent;
  Result<Dialed> socket = dialed(loop, {silent.address}, 30ms);
  REQUIRE(!socket);
  CHECK(socket.error().code == "connect_timeout");
  CHECK(socket.error().address == text_of(silent.address));
  CHECK(socket.error().message.contains(text_of(silent.address)));
  CHECK(socket.error().kind == ErrorClass::retry);
}

TEST_CASE("addresses that refuse, that are overtaken or run into the limit are not tried again") {
  Loop loop;
  AddressScores scores;
  ClosedPort closed("127.0.0.1");
  SilentPort silent;
  SocketAddress open = *numeric_address("127.0.0.1", 0);
  int listener = loop.worker->backend().listen(open);
  std::vector<SocketAddress> all = {closed.address, silent.address, open};
  auto left = [&] { return scores.worth_trying(all, loop.worker->now()); };
  CHECK(dialed(loop, all, 10s, &scores));
  REQUIRE(left().size() == 1);
  CHECK(port_of(left()[0]) == port_of(open));
  ::close(listener);
  CHECK(!dialed(loop, {open}, 10s, &scores));
  CHECK(left().size() == 3);
  scores = {};
  CHECK(!dialed(loop, {silent.address}, 30ms, &scores));
  CHECK(left().size() == 2);
}

TEST_CASE("who was not waited for is not scored") {
  Loop loop;
  AddressScores scores;
  SilentPort silent;
  SocketAddress open = *numeric_address("127.0.0.1", 0);
  int listener = loop.worker->backend().listen(open);
  CHECK(dialed(loop, {open, silent.address}, 10s, &scores));
  CHECK(scores.worth_trying({open, silent.address}, loop.worker->now()).size() == 2);
  ::close(listener);
}

TEST_CASE("a cancelled scope connects nowhere") {
  Loop loop;
  loop.scope->cancel();
  Result<Dialed> socket = dialed(loop, {*numeric_address("127.0.0.1", 1)});
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
