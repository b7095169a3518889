// slow_relay.cc: a long thin line on loopback, for what has to be measured on one.
//
// Usage: slow_relay PORT [--round-trip MS] [--rate BYTES] [--shared-rate BYTES]
//                   [--stall MS --stall-after BYTES]
//   passes bytes between its own port, which it prints, and 127.0.0.1:PORT: each direction half a
//   round trip late, what the client sends at most at `rate` for each connection and `shared-rate`
//   for all. Sockets hold about what such a line would. Once, when so many bytes have passed, the
//   connection that carried the last of them stands still.
// Then a line of JSON every 100 ms: {"s": seconds, "open": connections, "bytes": from clients}.
// Threads that block, two a direction: it stands in for a network and is not what is measured.
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/rate_limit.h"

namespace headrace {
namespace {

constexpr std::size_t chunk_size = 16 * 1024;
constexpr int socket_buffer_size = 128 * 1024;

struct Line {
  std::uint16_t port = 0;
  Duration one_way{};
  std::uint64_t rate = 0;
  RateLimit shared;
  Duration stall{};
  std::uint64_t stall_after = 0;
  std::atomic<bool> stalled = false;
  std::atomic<int> open = 0;
  std::atomic<std::uint64_t> bytes = 0;

  // What is on the way at once at the highest rate, and a little.
  std::size_t window() const {
    std::uint64_t fastest = std::max<std::uint64_t>(rate, shared.rate());
    auto way = static_cast<std::size_t>(seconds_of(one_way) * static_cast<double>(fastest));
    return way + 8 * chunk_size;
  }
};

Time now() { return std::chrono::steady_clock::now(); }

// Chunks on their way in one direction, each with the moment it arrives.
class Pipe {
 public:
  explicit Pipe(std::size_t window) : window_(window) {}
  struct Chunk {
    Time due;
    std::vector<char> bytes;
  };
  // False once the other end is gone.
  bool push(Chunk chunk) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return held_ < window_ || broken_; });
    if (broken_) return false;
    held_ += chunk.bytes.size();
    chunks_.push_back(std::move(chunk));
    changed_.notify_all();
    return true;
  }
  // Waits until it is due; an empty one at the end.
  Chunk pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !chunks_.empty() || ended_; });
    if (chunks_.empty()) return {};
    Chunk chunk = std::move(chunks_.front());
    chunks_.pop_front();
    lock.unlock();
    std::this_thread::sleep_until(chunk.due);
    lock.lock();
    held_ -= chunk.bytes.size();
    changed_.notify_all();
    return chunk;
  }
  void end() {
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  void break_off() {
    std::lock_guard lock(mutex_);
    broken_ = true;
    changed_.notify_all();
  }

 private:
  const std::size_t window_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Chunk> chunks_;
  std::size_t held_ = 0;
  bool ended_ = false;
  bool broken_ = false;
};

void read_side(Line& line, int socket, Pipe& pipe, bool counted) {
  RateLimit own;
  own.set(counted ? line.rate : 0);
  while (true) {
    std::vector<char> bytes(chunk_size);
    ssize_t got = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (got <= 0) break;
    bytes.resize(static_cast<std::size_t>(got));
    if (counted) {
      Time at = now();
      Duration wait = own.take(bytes.size(), at);
      wait = std::max(wait, line.shared.take(bytes.size(), at));
      std::this_thread::sleep_for(wait);
      std::uint64_t passed = line.bytes += bytes.size();
      if (line.stall > Duration::zero() && passed >= line.stall_after &&
          !line.stalled.exchange(true)) {
        std::this_thread::sleep_for(line.stall);
      }
    }
    Time due = now() + line.one_way;
    if (!pipe.push({due, std::move(bytes)})) break;
  }
  pipe.end();
}

void write_side(int socket, Pipe& pipe) {
  while (true) {
    Pipe::Chunk chunk = pipe.pop();
    if (chunk.bytes.empty()) break;
    std::size_t done = 0;
    while (done < chunk.bytes.size()) {
      ssize_t sent =
          ::send(socket, chunk.bytes.data() + done, chunk.bytes.size() - done, MSG_NOSIGNAL);
      if (sent <= 0) {
        pipe.break_off();
        return;
      }
      done += static_cast<std::size_t>(sent);
    }
  }
  ::shutdown(socket, SHUT_WR);
}

int connect_to(std::uint16_t port) {
  int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return socket;
  ::close(socket);
  return -1;
}

void serve(Line& line, int near) {
  int far = connect_to(line.port);
  if (far >= 0) {
    ++line.open;
    int on = 1;
    for (int socket : {near, far}) {
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    Pipe up(line.window());
    Pipe down(line.window());
    std::array threads{std::thread(read_side, std::ref(line), near, std::ref(up), true),
                       std::thread(write_side, far, std::ref(up)),
                       std::thread(read_side, std::ref(line), far, std::ref(down), false),
                       std::thread(write_side, near, std::ref(down))};
    for (std::thread& thread : threads) thread.join();
    ::close(far);
    --line.open;
  }
  ::close(near);
}

[[noreturn]] void accept_all(Line& line, int listener) {
  while (true) {
    int near = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (near >= 0) std::thread(serve, std::ref(line), near).detach();
  }
}

int listen_on_loopback(std::uint16_t& port) {
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Before listen(), so that the connections have it and the window is never scaled beyond.
  ::setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &socket_buffer_size, sizeof socket_buffer_size);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0) return -1;
  if (::listen(listener, 512) != 0) return -1;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return listener;
}

int run(int count, char** arguments) {
  static Line line;
  if (count < 2) {
    std::fputs("usage: slow_relay PORT [--round-trip MS] [--rate B] [--shared-rate B]\n", stderr);
    return 2;
  }
  line.port = static_cast<std::uint16_t>(std::atoi(arguments[1]));
  for (int i = 2; i + 1 < count; i += 2) {
    std::string flag = arguments[i];
    std::uint64_t value = std::strtoull(arguments[i + 1], nullptr, 10);
    if (flag == "--round-trip") line.one_way = std::chrono::milliseconds(value) / 2;
    if (flag == "--rate") line.rate = value;
    if (flag == "--shared-rate") line.shared.set(value);
    if (flag == "--stall") line.stall = std::chrono::milliseconds(value);
    if (flag == "--stall-after") line.stall_after = value;
  }
  std::uint16_t port = 0;
  int listener = listen_on_loopback(port);
  if (listener < 0) return 1;
  std::printf("http://127.0.0.1:%u\n", port);
  std::fflush(stdout);
  std::thread(accept_all, std::ref(line), listener).detach();
  for (Time begin = now();;) {
    std::this_thread::sleep_for(100ms);
    std::printf("{\"s\": %.2f, \"open\": %d, \"bytes\": %llu}\n", seconds_of(now() - begin),
                line.open.load(), static_cast<unsigned long long>(line.bytes.load()));
    if (std::fflush(stdout) != 0) return 0;
  }
}

}  // namespace
}  // namespace headrace

int main(int count, char** arguments) { return headrace::run(count, arguments); }
