// sim_world_test.cc: the simulation replays, goes wrong as told, and notices what it should.
#include "tests/sim/sim_world.h"

#include <array>
#include <cstring>

#include <doctest/doctest.h>

#include "io/arena.h"
#include "tests/support/loopback.h"

namespace headrace {
namespace {

struct Talk {
  int sent = 0;
  int received = 0;
  int refused = 0;
  int failed = 0;
};

Task<void> echo(Scope& scope, int socket) {
  Worker& worker = scope.worker();
  std::array<std::byte, 777> buffer{};
  int count = 0;
  do {
    count = co_await worker.receive(scope, socket, buffer);
    if (count <= 0) break;
    count = co_await worker.send(scope, socket,
                                 std::span(buffer).first(static_cast<std::size_t>(count)));
  } while (count > 0);
  co_await worker.close(scope, socket);
}

Task<void> serve(Scope& scope, int listener) {
  Scope served(scope);
  while (!scope.cancelled()) {
    int socket = co_await scope.worker().accept(scope, listener);
    if (socket < 0) break;
    served.spawn(echo(served, socket));
  }
  co_await served.join();
  co_await scope.worker().close(scope, listener);
}

Task<void> ask(Scope& scope, SocketAddress address, Talk& talk) {
  Worker& worker = scope.worker();
  int socket = worker.backend().make_socket(AF_INET);
  int connected = co_await worker.connect(scope, socket, address);
  if (connected < 0) ++talk.refused;
  std::string bytes(5000, 'x');
  std::size_t got = 0;
  if (connected == 0) {
    int sent = co_await worker.send(scope, socket, std::as_bytes(std::span(bytes)));
    if (sent > 0) talk.sent += sent;
    std::array<std::byte, 1000> buffer{};
    while (sent > 0 && got < bytes.size()) {
      int count = co_await worker.receive(scope, socket, buffer);
      if (count <= 0) break;
      got += static_cast<std::size_t>(count);
    }
    talk.received += static_cast<int>(got);
    if (got < bytes.size()) ++talk.failed;
  }
  co_await worker.close(scope, socket);
}

Task<void> conversation(Scope& scope, Talk& talk) {
  SocketAddress address = loopback();
  int listener = scope.worker().backend().listen(address);
  Scope server(scope);
  server.spawn(serve(server, listener));
  Scope clients(scope, 1h);
  for (int i = 0; i < 20; ++i) clients.spawn(ask(clients, address, talk));
  co_await clients.join();
  server.cancel();
  co_await server.join();
}

struct Conversation {
  Talk talk;
  std::uint64_t trace = 0;
  std::uint64_t resets = 0;
  std::uint64_t stalls = 0;
  std::size_t violations = 0;
};

Conversation converse(std::uint64_t seed, const SimKnobs& knobs) {
  SimWorld world({.seed = seed, .workers = 1, .knobs = knobs});
  Conversation outcome;
  bool ended = world.run(0, [&](Scope& scope) { return conversation(scope, outcome.talk); });
  CHECK(ended);
  bool rested = world.run([&] { return world.worker(0).idle(); }, 1h);
  CHECK(rested);
  CHECK(world.files().open_count() == 0);
  outcome.trace = world.trace();
  outcome.resets = world.network().resets();
  outcome.stalls = world.network().stalls();
  outcome.violations = world.violations().size();
  return outcome;
}

// Lets go of a block as soon as a send is done, and writes it over.
Task<void> reuse_too_early(Scope& scope) {
  Worker& worker = scope.worker();
  SocketAddress address = loopback();
  int listener = worker.backend().listen(address);
  int socket = worker.backend().make_socket(AF_INET);
  int connected = co_await worker.connect(scope, socket, address);
  CHECK(connected == 0);
  int server = co_await worker.accept(scope, listener);
  Arena arena(block_size_bytes);
  {
    Ticket ticket = arena.try_reserve(1);
    Slice slice = ticket.try_take();
    std::byte* bytes = slice.writable().data();
    std::memset(bytes, 'a', 1000);
    Slice part = slice.sub(0, 1000);
    std::span<const std::byte> to_send = part.bytes();
    int sent = co_await worker.send(scope, socket, to_send, std::move(part));
    CHECK(sent == 1000);
    std::memset(bytes, 'b', 1000);
  }
  while (arena.blocks_reserved() > 0) {
    bool slept = co_await worker.sleep(scope, 1ms);
    CHECK(slept);
  }
  co_await worker.close(scope, socket);
  co_await worker.close(scope, server);
  co_await worker.close(scope, listener);
}

Task<void> receive_one(Scope& scope, int socket) {
  std::array<std::byte, 10> buffer{};
  int count = co_await scope.worker().receive(scope, socket, buffer);
  CHECK(count <= 0);
}

Task<void> close_too_early(Scope& scope) {
  Worker& worker = scope.worker();
  SocketAddress address = loopback();
  int listener = worker.backend().listen(address);
  int socket = worker.backend().make_socket(AF_INET);
  int connected = co_await worker.connect(scope, socket, address);
  CHECK(connected == 0);
  int server = co_await worker.accept(scope, listener);
  Scope waiting(scope);
  waiting.spawn(receive_one(waiting, socket));
  bool slept = co_await worker.sleep(scope, 10ms);
  CHECK(slept);
  co_await worker.close(scope, socket);
  waiting.cancel();
  co_await waiting.join();
  co_await worker.close(scope, server);
  co_await worker.close(scope, listener);
}

Task<void> never_ends(Scope& scope) {
  SocketAddress address = loopback();
  int listener = scope.worker().backend().listen(address);
  int socket = co_await scope.worker().accept(scope, listener);
  CHECK(socket == -ECANCELED);
  co_await scope.worker().close(scope, listener);
}

SimKnobs rough() {
  SimKnobs knobs;
  knobs.short_receive = 0.3;
  knobs.split_send = 0.3;
  knobs.connect_refused = 0.2;
  knobs.reset = 0.02;
  knobs.stall = 0.02;
  knobs.done_early = 0.5;
  knobs.release_late = 0.5;
  return knobs;
}

}  // namespace

TEST_CASE("a seed gives the same world again, another seed another one") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Conversation first = converse(seed, rough());
    Conversation again = converse(seed, rough());
    CHECK(first.trace == again.trace);
    CHECK(first.talk.received == again.talk.received);
    CHECK(first.trace != converse(seed + 1000, rough()).trace);
  }
}

TEST_CASE("faults happen as often as they are asked for") {
  Conversation calm = converse(3, SimKnobs());
  CHECK(calm.talk.sent == 100'000);
  CHECK(calm.talk.received == 100'000);
  CHECK(calm.resets == 0);
  Talk total;
  std::uint64_t resets = 0;
  std::uint64_t stalls = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Conversation outcome = converse(seed, rough());
    CHECK(outcome.violations == 0);
    total.refused += outcome.talk.refused;
    total.failed += outcome.talk.failed;
    resets += outcome.resets;
    stalls += outcome.stalls;
  }
  CHECK(total.refused > 40);
  CHECK(total.refused < 120);
  CHECK(total.failed > 0);
  CHECK(resets > 0);
  CHECK(stalls > 0);
}

TEST_CASE("a block that is reused before its release is noticed") {
  SimKnobs knobs;
  knobs.done_early = 1;
  SimWorld world({.workers = 1, .knobs = knobs});
  CHECK(world.run(0, reuse_too_early));
  REQUIRE(world.violations().size() == 1);
  CHECK(world.violations()[0].find("before they were released") != std::string::npos);
}

TEST_CASE("a socket that is closed under an operation is noticed") {
  SimWorld world({.workers = 1});
  CHECK(world.run(0, close_too_early));
  REQUIRE(world.violations().size() == 1);
  CHECK(world.violations()[0].find("closed with 1 operations in flight") != std::string::npos);
}

TEST_CASE("a wait for what never comes does not hang the world") {
  SimWorld world({.workers = 1});
  CHECK_FALSE(world.run(0, never_ends, 1h));
  CHECK(world.violations().size() == 1);
}

TEST_CASE("calm knobs bend no promise, and swarm leaves most seeds without a given fault") {
  int with_resets = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    SimKnobs calm = SimKnobs::calm(prng);
    CHECK(calm.reset + calm.stall + calm.connect_refused + calm.read_error == 0);
    with_resets += SimKnobs::swarm(prng).reset > 0;
  }
  CHECK(with_resets > 40);
  CHECK(with_resets < 120);
}

}  // namespace headrace
