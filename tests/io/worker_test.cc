#include "io/worker.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <future>

#include <doctest/doctest.h>
#include <unistd.h>

#include "io/runtime.h"
#include "tests/support/loop.h"
#include "tests/support/loopback.h"

namespace headrace {
namespace {

Task<void> echo_once(Scope& scope, int listener) {
  Worker& worker = scope.worker();
  int socket = co_await worker.accept(scope, listener);
  REQUIRE(socket >= 0);
  std::array<std::byte, 64> bytes{};
  int got = co_await worker.receive(scope, socket, bytes);
  REQUIRE(got == 5);
  int sent = co_await worker.send(scope, socket, std::span(bytes).first(5));
  REQUIRE(sent == 5);
  co_await worker.close(scope, socket);
}

Task<void> talk(Scope& scope) {
  Worker& worker = scope.worker();
  SocketAddress address = loopback(0);
  int listener = worker.backend().listen(address);
  REQUIRE(listener >= 0);
  Scope server(scope);
  server.spawn(echo_once(server, listener));
  int socket = worker.backend().make_socket(AF_INET);
  int connected = co_await worker.connect(scope, socket, address);
  REQUIRE(connected == 0);
  const char* hello = "hello";
  int sent = co_await worker.send(scope, socket, std::as_bytes(std::span(hello, 5)));
  CHECK(sent == 5);
  std::array<std::byte, 64> bytes{};
  int got = co_await worker.receive(scope, socket, bytes);
  CHECK(got == 5);
  got = co_await worker.receive(scope, socket, bytes);
  CHECK(got == 0);
  co_await worker.close(scope, socket);
  co_await server.join();
  co_await worker.close(scope, listener);
}

Task<void> wait_for_nothing(Scope& scope, int& result, bool& timed_out) {
  Worker& worker = scope.worker();
  SocketAddress address = loopback(0);
  int listener = worker.backend().listen(address);
  Scope limited(scope, 10ms);
  result = co_await worker.accept(limited, listener);
  timed_out = limited.timed_out();
  int again = co_await worker.accept(limited, listener);
  CHECK(again == -ECANCELED);
  co_await worker.close(limited, listener);
}

Task<void> nap(Scope& scope, Duration duration, std::string& order, char name) {
  bool slept = co_await scope.worker().sleep(scope, duration);
  order += slept ? name : '-';
}

Task<void> naps(Scope& scope, std::string& order) {
  Scope children(scope);
  children.spawn(nap(children, 30ms, order, 'c'));
  children.spawn(nap(children, 10ms, order, 'a'));
  children.spawn(nap(children, 20ms, order, 'b'));
  co_await children.join();
  Scope cancelled(scope);
  cancelled.spawn(nap(cancelled, 1h, order, 'x'));
  bool slept = co_await scope.worker().sleep(scope, 1ms);
  CHECK(slept);
  cancelled.cancel();
  co_await cancelled.join();
}

Task<void> read_file(Scope& scope, const char* path) {
  Worker& worker = scope.worker();
  int missing = co_await worker.open(scope, "/nowhere/at/all");
  CHECK(missing == -ENOENT);
  int file = co_await worker.open(scope, path);
  REQUIRE(file >= 0);
  FileStatus status;
  int looked = co_await worker.stat(scope, file, status);
  CHECK(looked == 0);
  CHECK(status.regular);
  CHECK(status.identity.size == 11);
  std::array<std::byte, 64> bytes{};
  int got = co_await worker.read(scope, file, bytes, 6);
  CHECK(got == 5);
  CHECK(std::memcmp(bytes.data(), "world", 5) == 0);
  got = co_await worker.read(scope, file, bytes, 11);
  CHECK(got == 0);
  co_await worker.close(scope, file);
}

Task<void> ask(Scope& scope, int& answer) {
  std::optional<int> value = co_await blocking(scope, [] { return 42; });
  answer = value.value_or(-1);
}

}  // namespace

TEST_CASE("two coroutines talk over a socket") {
  Loop loop;
  loop.run(talk(*loop.scope));
}

TEST_CASE("a time limit cancels what waits under it") {
  Loop loop;
  int result = 0;
  bool timed_out = false;
  loop.run(wait_for_nothing(*loop.scope, result, timed_out));
  CHECK(result == -ECANCELED);
  CHECK(timed_out);
}

TEST_CASE("timers fire in their order and a cancelled sleep says so") {
  Loop loop;
  std::string order;
  loop.run(naps(*loop.scope, order));
  CHECK(order == "abc-");
}

TEST_CASE("a file is opened, looked at and read") {
  char path[] = "/tmp/headrace-worker-XXXXXX";
  int file = mkstemp(path);
  REQUIRE(write(file, "hello world", 11) == 11);
  close(file);
  Loop loop;
  loop.run(read_file(*loop.scope, path));
  unlink(path);
}

TEST_CASE("a blocking job answers, and a cancelled wait does not wait for it") {
  Loop loop;
  int answer = 0;
  loop.run(ask(*loop.scope, answer));
  CHECK(answer == 42);
  loop.scope->cancel();
  loop.run(ask(*loop.scope, answer));
  CHECK(answer == -1);
}

TEST_CASE("workers send each other messages") {
  Result<std::unique_ptr<Runtime>> runtime = Runtime::start(2, 7);
  REQUIRE(runtime);
  std::promise<std::size_t> answer;
  Worker& second = (*runtime)->worker(1);
  (*runtime)->worker(0).send([&] { second.send([&] { answer.set_value(second.index()); }); });
  CHECK(answer.get_future().get() == 1);
}

}  // namespace headrace
