// ring_bench.cc: what a step through the ring and the arena costs, without any disk or network
// behind it.
#include <array>
#include <memory>

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>

#include "io/arena.h"
#include "io/blocking.h"
#include "io/uring.h"
#include "io/worker.h"

namespace headrace {
namespace {

// One worker over the kernel ring in this thread.
class Loop {
 public:
  Loop() : backend_(std::move(*make_uring())), worker_(*backend_, pool_, 1), scope_(worker_) {}
  Scope& scope() { return scope_; }
  void run(Task<void> task) {
    scope_.spawn(std::move(task));
    while (scope_.children() > 0) worker_.step(true);
  }

 private:
  ThreadPool pool_;
  std::unique_ptr<Backend> backend_;
  Worker worker_;
  Scope scope_;
};

Task<void> read_zeros(Scope& scope, benchmark::State& state) {
  Worker& worker = scope.worker();
  int file = co_await worker.open(scope, "/dev/zero");
  std::array<std::byte, 64> buffer{};
  for (auto _ : state) {
    int count = co_await worker.read(scope, file, buffer, 0);
    benchmark::DoNotOptimize(count);
  }
  co_await worker.close(scope, file);
}

// One operation there and back: submit, enter, reap, resume.
void ring_round_trip(benchmark::State& state) {
  Loop loop;
  loop.run(read_zeros(loop.scope(), state));
}
BENCHMARK(ring_round_trip);

Task<void> read_once(Scope& scope, int file, std::span<std::byte> into) {
  int count = co_await scope.worker().read(scope, file, into, 0);
  benchmark::DoNotOptimize(count);
}

Task<void> read_many(Scope& scope, benchmark::State& state) {
  Worker& worker = scope.worker();
  int file = co_await worker.open(scope, "/dev/zero");
  std::array<std::byte, 64> buffer{};
  for (auto _ : state) {
    Scope reads(scope);
    for (std::int64_t i = 0; i < state.range(0); ++i) reads.spawn(read_once(reads, file, buffer));
    co_await reads.join();
  }
  co_await worker.close(scope, file);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}

// As many in flight at once; a child coroutine each.
void ring_batch(benchmark::State& state) {
  Loop loop;
  loop.run(read_many(loop.scope(), state));
}
BENCHMARK(ring_batch)->Arg(16)->Arg(128);

Task<void> echo(Scope& scope, int listener) {
  Worker& worker = scope.worker();
  int socket = co_await worker.accept(scope, listener);
  std::array<std::byte, 64> buffer{};
  int count = 1;
  while (count > 0) {
    count = co_await worker.receive(scope, socket, buffer);
    if (count > 0) co_await worker.send(scope, socket, std::span(buffer).first(1));
  }
  co_await worker.close(scope, socket);
}

Task<void> ping(Scope& scope, benchmark::State& state) {
  Worker& worker = scope.worker();
  SocketAddress address;
  auto& in = reinterpret_cast<sockaddr_in&>(address.storage);
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.size = sizeof in;
  int listener = worker.backend().listen(address);
  Scope server(scope);
  server.spawn(echo(server, listener));
  int socket = worker.backend().make_socket(AF_INET);
  co_await worker.connect(scope, socket, address);
  std::array<std::byte, 1> byte{};
  for (auto _ : state) {
    co_await worker.send(scope, socket, byte);
    co_await worker.receive(scope, socket, byte);
  }
  co_await worker.close(scope, socket);
  co_await server.join();
  co_await worker.close(scope, listener);
}

// A byte to a socket of this worker and back.
void socket_ping(benchmark::State& state) {
  Loop loop;
  loop.run(ping(loop.scope(), state));
}
BENCHMARK(socket_ping);

void arena_block(benchmark::State& state) {
  Arena arena(16 * block_size_bytes);
  Ticket ticket = arena.try_reserve(4);
  for (auto _ : state) {
    Slice slice = ticket.try_take();
    benchmark::DoNotOptimize(slice.bytes().data());
  }
}
BENCHMARK(arena_block);

void slice_copy(benchmark::State& state) {
  Arena arena(block_size_bytes);
  Ticket ticket = arena.try_reserve(1);
  Slice slice = ticket.try_take();
  for (auto _ : state) {
    Slice part = slice.sub(64, 1000);
    benchmark::DoNotOptimize(part.bytes().data());
  }
}
BENCHMARK(slice_copy);

}  // namespace
}  // namespace headrace
