// sink.cc: an HTTP server that throws bodies away, so that a bench measures the sender.
//
// Usage: sink [--port N]; prints "http://127.0.0.1:PORT" and serves until it is ended.
// PUT and POST: the body is dropped inside the kernel (recv with MSG_TRUNC copies nothing) and
// answered 200 with an ETag of its own. GET: {"requests":N,"bytes":N}, what the bodies were so
// far. One thread a connection; loopback only. A request it does not understand ends the
// connection: it is a bench's counterpart, not a server for strangers.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::size_t head_size_max = 64 * 1024;
// Far more than a socket holds: one call drops whatever has arrived.
constexpr std::uint64_t drop_size_max = 16 * 1024 * 1024;

std::atomic<std::uint64_t> requests_total{0};
std::atomic<std::uint64_t> bytes_total{0};

std::optional<std::string_view> header(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at)) {
    at += 2;
    if (head.size() - at <= name.size() || head[at + name.size()] != ':') continue;
    if (strncasecmp(head.data() + at, name.data(), name.size()) != 0) continue;
    std::string_view value = head.substr(at + name.size() + 1);
    value = value.substr(0, value.find("\r\n"));
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    return value;
  }
  return std::nullopt;
}

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t count = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool drop(int fd, std::uint64_t left) {
  while (left > 0) {
    ssize_t count = recv(fd, nullptr, std::min(left, drop_size_max), MSG_TRUNC);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    left -= static_cast<std::uint64_t>(count);
  }
  return true;
}

// Appends to `buffer` until it holds a whole head; its length, or 0 at the end of the connection.
std::size_t read_head(int fd, std::string& buffer) {
  for (;;) {
    std::size_t end = buffer.find("\r\n\r\n");
    if (end != buffer.npos) return end + 4;
    if (buffer.size() > head_size_max) return 0;
    char chunk[4096];
    ssize_t count = recv(fd, chunk, sizeof chunk, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return 0;
    buffer.append(chunk, static_cast<std::size_t>(count));
  }
}

bool serve_one(int fd, std::string& buffer) {
  std::size_t head_size = read_head(fd, buffer);
  if (head_size == 0) return false;
  std::string head = buffer.substr(0, head_size);
  buffer.erase(0, head_size);
  if (head.starts_with("GET ")) {
    std::string body = fmt::format("{{\"requests\":{},\"bytes\":{}}}\n", requests_total.load(),
                                   bytes_total.load());
    return send_all(
        fd, fmt::format("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", body.size(), body));
  }
  std::string_view length_text = header(head, "content-length").value_or("0");
  std::uint64_t length = 0;
  if (header(head, "transfer-encoding") ||
      std::from_chars(length_text.data(), length_text.data() + length_text.size(), length).ec !=
          std::errc()) {
    send_all(fd, "HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\n\r\n");
    return false;
  }
  if (header(head, "expect") && !send_all(fd, "HTTP/1.1 100 Continue\r\n\r\n")) return false;
  std::uint64_t buffered = std::min<std::uint64_t>(length, buffer.size());
  buffer.erase(0, buffered);
  if (!drop(fd, length - buffered)) return false;
  bytes_total += length;
  std::uint64_t number = ++requests_total;
  return send_all(
      fd, fmt::format("HTTP/1.1 200 OK\r\netag: \"{:032x}\"\r\ncontent-length: 0\r\n\r\n", number));
}

void serve(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::string buffer;
  while (serve_one(fd, buffer)) {
  }
  close(fd);
}

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

}  // namespace

int main(int count, char** words) {
  int port = 0;
  if (count == 3 && std::strcmp(words[1], "--port") == 0) {
    port = std::atoi(words[2]);
  } else if (count != 1) {
    fmt::print(stderr, "usage: sink [--port N]\n");
    return 2;
  }
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) die("socket");
  int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0) die("bind");
  if (listen(listener, 1024) != 0) die("listen");
  if (getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) die("getsockname");
  fmt::print("http://127.0.0.1:{}\n", ntohs(address.sin_port));
  std::fflush(stdout);
  for (;;) {
    int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      die("accept");
    }
    std::thread(serve, fd).detach();
  }
}
