#include "tests/sim/seam_conformance.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include <doctest/doctest.h>

#include "io/arena.h"
#include "io/prng.h"
#include "tests/support/loopback.h"

namespace headrace {
namespace {

std::string pattern(std::uint64_t seed, std::size_t size) {
  Prng prng(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(prng.next());
  return bytes;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

struct Pair {
  int client = -1;
  int server = -1;
};

// A listener of its own, one connection, and the listener is gone.
Task<Pair> connect_pair(Scope& scope) {
  Worker& worker = scope.worker();
  SocketAddress address = loopback();
  int listener = worker.backend().listen(address);
  CHECK(listener >= 0);
  Pair pair;
  pair.client = worker.backend().make_socket(AF_INET);
  int connected = co_await worker.connect(scope, pair.client, address);
  CHECK(connected == 0);
  pair.server = co_await worker.accept(scope, listener);
  CHECK(pair.server >= 0);
  co_await worker.close(scope, listener);
  co_return pair;
}

Task<void> close_pair(Scope& scope, const Pair& pair) {
  co_await scope.worker().close(scope, pair.client);
  co_await scope.worker().close(scope, pair.server);
}

// What comes until the end, or until `most` bytes are there; the last result goes to `end`.
Task<std::string> receive_all(Scope& scope, int socket, std::size_t most, int& end) {
  std::string all;
  std::vector<std::byte> buffer(10'000);
  while (all.size() < most) {
    std::size_t room = std::min(buffer.size(), most - all.size());
    end = co_await scope.worker().receive(scope, socket, std::span(buffer).first(room));
    if (end <= 0) break;
    all.append(reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(end));
  }
  co_return all;
}

Task<void> receive_into(Scope& scope, int socket, std::size_t most, std::string& all, int& end) {
  std::string got = co_await receive_all(scope, socket, most, end);
  all = std::move(got);
}

Task<void> send_into(Scope& scope, int socket, const std::string& bytes, int& result) {
  result = co_await scope.worker().send(scope, socket, bytes_of(bytes));
}

Task<void> accept_into(Scope& scope, int listener, int& result) {
  result = co_await scope.worker().accept(scope, listener);
}

Task<void> reads_a_whole_file(Scope& scope, Rig& rig) {
  Worker& worker = scope.worker();
  std::string bytes = pattern(1, 300'000);
  std::string path = rig.file(bytes);
  int file = co_await worker.open(scope, path.c_str());
  CHECK(file >= 0);
  std::string got;
  std::vector<std::byte> buffer(65'536);
  while (got.size() < bytes.size()) {
    int count = co_await worker.read(scope, file, buffer, got.size());
    CHECK(count > 0);
    if (count <= 0) break;
    got.append(reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(count));
  }
  CHECK((got == bytes));
  int at_end = co_await worker.read(scope, file, buffer, bytes.size());
  CHECK(at_end == 0);
  int past_end = co_await worker.read(scope, file, buffer, bytes.size() + 1000);
  CHECK(past_end == 0);
  int closed = co_await worker.close(scope, file);
  CHECK(closed == 0);
}

Task<void> a_missing_file_is_said(Scope& scope, Rig& rig) {
  std::string path = rig.missing();
  int file = co_await scope.worker().open(scope, path.c_str());
  CHECK(file == -ENOENT);
}

Task<void> a_directory_is_none_to_read(Scope& scope, Rig& rig) {
  Worker& worker = scope.worker();
  std::string path = rig.directory();
  int file = co_await worker.open(scope, path.c_str());
  CHECK(file >= 0);
  FileStatus status;
  int looked = co_await worker.stat(scope, file, status);
  CHECK(looked == 0);
  CHECK(status.directory);
  CHECK_FALSE(status.regular);
  std::array<std::byte, 16> buffer{};
  int count = co_await worker.read(scope, file, buffer, 0);
  CHECK(count == -EISDIR);
  co_await worker.close(scope, file);
}

Task<void> a_changed_file_has_another_identity(Scope& scope, Rig& rig) {
  Worker& worker = scope.worker();
  std::string path = rig.file("before");
  int file = co_await worker.open(scope, path.c_str());
  FileStatus before;
  FileStatus same;
  FileStatus after;
  int looked = co_await worker.stat(scope, file, before);
  CHECK(looked == 0);
  CHECK(before.regular);
  CHECK(before.identity.size == 6);
  co_await worker.stat(scope, file, same);
  CHECK((before.identity == same.identity));
  // A clock of the file system may be as coarse as 10 ms; the size tells it apart whatever it is.
  rig.rewrite(path, "afterwards");
  co_await worker.stat(scope, file, after);
  CHECK(after.identity.size == 10);
  CHECK(after.identity.inode == before.identity.inode);
  CHECK_FALSE((before.identity == after.identity));
  co_await worker.close(scope, file);
}

Task<void> bytes_arrive_in_order_both_ways(Scope& scope, Rig&) {
  Pair pair = co_await connect_pair(scope);
  std::string up = pattern(2, 700'000);
  std::string down = pattern(3, 300'000);
  std::string got_up;
  std::string got_down;
  int end_up = 0;
  int end_down = 0;
  int sent_up = 0;
  int sent_down = 0;
  Scope talk(scope);
  talk.spawn(send_into(talk, pair.client, up, sent_up));
  talk.spawn(receive_into(talk, pair.server, up.size(), got_up, end_up));
  talk.spawn(send_into(talk, pair.server, down, sent_down));
  talk.spawn(receive_into(talk, pair.client, down.size(), got_down, end_down));
  co_await talk.join();
  CHECK(sent_up == 700'000);
  CHECK(sent_down == 300'000);
  CHECK((got_up == up));
  CHECK((got_down == down));
  co_await close_pair(scope, pair);
}

Task<void> shutdown_ends_both_sides(Scope& scope, Rig&) {
  Worker& worker = scope.worker();
  Pair pair = co_await connect_pair(scope);
  std::string own;
  int own_end = -1;
  Scope waiting(scope);
  waiting.spawn(receive_into(waiting, pair.client, 100, own, own_end));
  std::string last = "the last words";
  int sent = co_await worker.send(scope, pair.client, bytes_of(last));
  CHECK(sent == static_cast<int>(last.size()));
  int shut = co_await worker.shutdown(scope, pair.client);
  CHECK(shut == 0);
  co_await waiting.join();
  CHECK(own_end == 0);
  int end = -1;
  std::string got = co_await receive_all(scope, pair.server, 1000, end);
  CHECK(got == last);
  CHECK(end == 0);
  int late = co_await worker.send(scope, pair.client, bytes_of(last));
  CHECK(late == -EPIPE);
  co_await close_pair(scope, pair);
}

Task<void> closing_ends_the_peer(Scope& scope, Rig&) {
  Worker& worker = scope.worker();
  Pair pair = co_await connect_pair(scope);
  co_await worker.close(scope, pair.server);
  int end = -1;
  std::string got = co_await receive_all(scope, pair.client, 10, end);
  CHECK(got.empty());
  CHECK(end == 0);
  // What is sent now finds nobody: sooner or later that is said.
  std::string bytes(1000, 'x');
  int result = 0;
  for (int tries = 0; tries < 1000 && result >= 0; ++tries) {
    result = co_await worker.send(scope, pair.client, bytes_of(bytes));
    bool slept = co_await worker.sleep(scope, 1ms);
    CHECK(slept);
  }
  bool told = result == -EPIPE || result == -ECONNRESET;
  CHECK(told);
  co_await worker.close(scope, pair.client);
}

Task<void> nobody_listens(Scope& scope, Rig&) {
  Worker& worker = scope.worker();
  SocketAddress address = loopback();
  int listener = worker.backend().listen(address);
  co_await worker.close(scope, listener);
  int socket = worker.backend().make_socket(AF_INET);
  int connected = co_await worker.connect(scope, socket, address);
  CHECK(connected == -ECONNREFUSED);
  co_await worker.close(scope, socket);
}

Task<void> a_taken_address_is_refused(Scope& scope, Rig&) {
  Worker& worker = scope.worker();
  SocketAddress address = loopback();
  int listener = worker.backend().listen(address);
  CHECK(listener >= 0);
  CHECK(reinterpret_cast<sockaddr_in&>(address.storage).sin_port != 0);
  SocketAddress same = address;
  int second = worker.backend().listen(same);
  CHECK(second == -EADDRINUSE);
  co_await worker.close(scope, listener);
}

Task<void> a_pending_receive_is_cancelled(Scope& scope, Rig&) {
  Worker& worker = scope.worker();
  Pair pair = co_await connect_pair(scope);
  std::string got;
  int end = 0;
  Scope waiting(scope);
  waiting.spawn(receive_into(waiting, pair.client, 10, got, end));
  bool slept = co_await worker.sleep(scope, 1ms);
  CHECK(slept);
  waiting.cancel();
  co_await waiting.join();
  CHECK(end == -ECANCELED);
  // The connection is none the worse for it.
  std::string word = "still here";
  int sent = co_await worker.send(scope, pair.server, bytes_of(word));
  CHECK(sent == 10);
  int last = 0;
  std::string later = co_await receive_all(scope, pair.client, word.size(), last);
  CHECK(later == word);
  co_await close_pair(scope, pair);
}

Task<void> a_pending_accept_is_cancelled(Scope& scope, Rig&) {
  Worker& worker = scope.worker();
  SocketAddress address = loopback();
  int listener = worker.backend().listen(address);
  int result = 0;
  Scope waiting(scope, 5ms);
  waiting.spawn(accept_into(waiting, listener, result));
  co_await waiting.join();
  CHECK(waiting.timed_out());
  CHECK(result == -ECANCELED);
  co_await worker.close(scope, listener);
}

Task<void> a_send_nobody_reads_is_cut_short(Scope& scope, Rig&) {
  Worker& worker = scope.worker();
  Pair pair = co_await connect_pair(scope);
  // More than any two sockets buffer.
  std::string bytes(32 * 1024 * 1024, 'x');
  int result = 0;
  Scope waiting(scope);
  waiting.spawn(send_into(waiting, pair.client, bytes, result));
  bool slept = co_await worker.sleep(scope, 20ms);
  CHECK(slept);
  waiting.cancel();
  co_await waiting.join();
  CHECK(result == -ECANCELED);
  // The stream is broken where it was cut: it ends, and it is never whole.
  co_await worker.shutdown(scope, pair.client);
  int end = 0;
  std::string got = co_await receive_all(scope, pair.server, bytes.size(), end);
  CHECK(end == 0);
  CHECK(got.size() < bytes.size());
  co_await close_pair(scope, pair);
}

Task<void> a_cancelled_scope_starts_nothing(Scope& scope, Rig& rig) {
  Worker& worker = scope.worker();
  std::string path = rig.file("x");
  Scope over(scope);
  over.cancel();
  int file = co_await worker.open(over, path.c_str());
  CHECK(file == -ECANCELED);
  bool slept = co_await worker.sleep(over, 1h);
  CHECK_FALSE(slept);
  co_await over.join();
}

Task<void> nap(Scope& scope, Duration duration, std::string& order, char name) {
  Time before = scope.worker().now();
  bool slept = co_await scope.worker().sleep(scope, duration);
  CHECK(slept);
  CHECK((scope.worker().now() - before >= duration));
  order += name;
}

Task<void> timers_fire_in_order(Scope& scope, Rig&) {
  std::string order;
  Scope naps(scope);
  naps.spawn(nap(naps, 9ms, order, 'c'));
  naps.spawn(nap(naps, 3ms, order, 'a'));
  naps.spawn(nap(naps, 6ms, order, 'b'));
  co_await naps.join();
  CHECK(order == "abc");
}

Task<void> a_slice_comes_back(Scope& scope, Rig&) {
  Worker& worker = scope.worker();
  Arena arena(2 * block_size_bytes);
  Pair pair = co_await connect_pair(scope);
  std::string got;
  int end = 0;
  Scope reading(scope);
  reading.spawn(receive_into(reading, pair.server, 3 * block_size_bytes, got, end));
  {
    Ticket ticket = co_await arena.reserve(scope, 1);
    for (char letter : {'a', 'b', 'c'}) {
      // With one block, each round waits until the kernel has let go of the one before.
      Slice block = co_await ticket.take(scope);
      std::ranges::fill(block.writable(), static_cast<std::byte>(letter));
      std::span<const std::byte> bytes = block.bytes();
      int sent = co_await worker.send(scope, pair.client, bytes, std::move(block));
      CHECK(sent == static_cast<int>(block_size_bytes));
    }
  }
  co_await reading.join();
  std::string expected;
  for (char letter : {'a', 'b', 'c'}) expected.append(block_size_bytes, letter);
  CHECK((got == expected));
  while (arena.blocks_reserved() > 0) {
    bool slept = co_await worker.sleep(scope, 1ms);
    CHECK(slept);
  }
  co_await close_pair(scope, pair);
}

Task<void> all_is_acknowledged_at_last(Scope& scope, Rig&) {
  Worker& worker = scope.worker();
  Pair pair = co_await connect_pair(scope);
  std::string bytes(100'000, 'x');
  std::string got;
  int end = 0;
  Scope reading(scope);
  reading.spawn(receive_into(reading, pair.server, bytes.size(), got, end));
  co_await worker.send(scope, pair.client, bytes_of(bytes));
  co_await reading.join();
  std::int64_t left = worker.backend().unacknowledged(pair.client);
  while (left > 0) {
    bool slept = co_await worker.sleep(scope, 1ms);
    CHECK(slept);
    left = worker.backend().unacknowledged(pair.client);
  }
  CHECK(left == 0);
  CHECK(worker.backend().round_trip(pair.client) > Duration::zero());
  co_await close_pair(scope, pair);
}

Task<void> read_byte(Scope& scope, int file, std::uint64_t offset, std::byte& into, int& bad) {
  int count = co_await scope.worker().read(scope, file, std::span(&into, 1), offset);
  if (count != 1) ++bad;
}

// More at once than any queue of the machine has places.
Task<void> many_operations_at_once(Scope& scope, Rig& rig) {
  Worker& worker = scope.worker();
  std::string bytes = pattern(5, 3000);
  std::string path = rig.file(bytes);
  int file = co_await worker.open(scope, path.c_str());
  std::string got(bytes.size(), '\0');
  int bad = 0;
  Scope reads(scope);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    reads.spawn(read_byte(reads, file, i, reinterpret_cast<std::byte&>(got[i]), bad));
  }
  co_await reads.join();
  CHECK(bad == 0);
  CHECK((got == bytes));
  co_await worker.close(scope, file);
}

// Suspends until the other worker has answered each of `count` messages.
struct Answers final {
  Worker& here;
  Worker& there;
  int count;
  std::vector<int> order;
  std::coroutine_handle<> handle;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    handle = waiter;
    for (int i = 0; i < count; ++i) {
      there.send([this, i] {
        here.send([this, i] {
          order.push_back(i);
          if (static_cast<int>(order.size()) == count) here.ready(handle);
        });
      });
    }
  }
  void await_resume() const noexcept {}
};

Task<void> messages_wake_and_keep_their_order(Scope& scope, Rig& rig) {
  // The other worker has nothing to do and waits without a limit.
  bool slept = co_await scope.worker().sleep(scope, 2ms);
  CHECK(slept);
  Answers answers{scope.worker(), rig.worker(1), 50, {}, {}};
  co_await answers;
  CHECK(answers.order.size() == 50);
  CHECK(std::ranges::is_sorted(answers.order));
}

Task<void> count_job(Scope& scope, int i, int& sum) {
  std::optional<int> value = co_await blocking(scope, [i] { return i; });
  CHECK(value.has_value());
  sum += value.value_or(1'000'000);
}

Task<void> blocking_jobs_answer(Scope& scope, Rig&) {
  int sum = 0;
  Scope jobs(scope);
  for (int i = 0; i < 20; ++i) jobs.spawn(count_job(jobs, i, sum));
  co_await jobs.join();
  CHECK(sum == 190);
  Scope over(scope);
  over.cancel();
  std::optional<int> none = co_await blocking(over, [] { return 1; });
  CHECK_FALSE(none.has_value());
  co_await over.join();
}

// The listener lives on one worker, the client on the other.
Task<void> serve_one(Scope& scope, int listener, bool& served) {
  Worker& worker = scope.worker();
  int socket = co_await worker.accept(scope, listener);
  CHECK(socket >= 0);
  int end = 0;
  std::string got = co_await receive_all(scope, socket, 5, end);
  CHECK(got == "hello");
  int sent = co_await worker.send(scope, socket, bytes_of(got));
  CHECK(sent == 5);
  co_await worker.close(scope, socket);
  co_await worker.close(scope, listener);
  served = true;
}

struct ServedElsewhere final {
  Worker& here;
  Worker& there;
  int listener;
  std::coroutine_handle<> handle;
  std::unique_ptr<Scope> scope;
  bool served = false;

  Task<void> serve() {
    co_await serve_one(*scope, listener, served);
    here.send([this] { handle.resume(); });
  }
  void start() {
    there.send([this] {
      scope = std::make_unique<Scope>(there);
      scope->spawn(serve());
    });
  }
  // Resumed here once it has served.
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    handle = waiter;
    start();
  }
  void await_resume() const noexcept {}
};

Task<void> say_hello(Scope& scope, SocketAddress address, std::string& answer) {
  Worker& worker = scope.worker();
  int socket = worker.backend().make_socket(AF_INET);
  int connected = co_await worker.connect(scope, socket, address);
  CHECK(connected == 0);
  std::string hello = "hello";
  int sent = co_await worker.send(scope, socket, bytes_of(hello));
  CHECK(sent == 5);
  int end = 0;
  std::string got = co_await receive_all(scope, socket, 100, end);
  answer = std::move(got);
  co_await worker.close(scope, socket);
}

// Destroys a scope on the worker it belongs to and comes back.
struct ScopeGone final {
  ServedElsewhere& elsewhere;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    elsewhere.there.send([this, waiter] {
      elsewhere.scope.reset();
      elsewhere.here.send([waiter] { waiter.resume(); });
    });
  }
  void await_resume() const noexcept {}
};

Task<void> a_socket_spans_two_workers(Scope& scope, Rig& rig) {
  SocketAddress address = loopback();
  int listener = scope.worker().backend().listen(address);
  CHECK(listener >= 0);
  std::string answer;
  Scope client(scope);
  client.spawn(say_hello(client, address, answer));
  ServedElsewhere elsewhere{scope.worker(), rig.worker(1), listener, {}, {}};
  co_await elsewhere;
  co_await client.join();
  CHECK(elsewhere.served);
  CHECK(answer == "hello");
  co_await ScopeGone{elsewhere};
}

Task<void> the_wall_clock_runs(Scope& scope, Rig&) {
  std::int64_t before = scope.worker().backend().wall_seconds();
  CHECK(before > 1'700'000'000);
  bool slept = co_await scope.worker().sleep(scope, 1ms);
  CHECK(slept);
  CHECK(scope.worker().backend().wall_seconds() >= before);
}

}  // namespace

const std::vector<SeamCase>& seam_cases() {
  static const std::vector<SeamCase> cases = {
      {"reads a whole file", reads_a_whole_file},
      {"a missing file is said", a_missing_file_is_said},
      {"a directory is none to read", a_directory_is_none_to_read},
      {"a changed file has another identity", a_changed_file_has_another_identity},
      {"bytes arrive in order both ways", bytes_arrive_in_order_both_ways},
      {"shutdown ends both sides", shutdown_ends_both_sides},
      {"closing ends the peer", closing_ends_the_peer},
      {"nobody listens", nobody_listens},
      {"a taken address is refused", a_taken_address_is_refused},
      {"a pending receive is cancelled", a_pending_receive_is_cancelled},
      {"a pending accept is cancelled", a_pending_accept_is_cancelled},
      {"a send nobody reads is cut short", a_send_nobody_reads_is_cut_short},
      {"a cancelled scope starts nothing", a_cancelled_scope_starts_nothing},
      {"timers fire in order", timers_fire_in_order},
      {"a slice comes back", a_slice_comes_back},
      {"all is acknowledged at last", all_is_acknowledged_at_last},
      {"many operations at once", many_operations_at_once},
      {"messages wake and keep their order", messages_wake_and_keep_their_order},
      {"blocking jobs answer", blocking_jobs_answer},
      {"a socket spans two workers", a_socket_spans_two_workers},
      {"the wall clock runs", the_wall_clock_runs},
  };
  return cases;
}

}  // namespace headrace
