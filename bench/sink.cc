// sink.cc: an HTTP server that throws bodies away, so that a bench measures the sender.
//
// Usage: sink [--port N] [--inline-limit BYTES] [--multipart-threshold BYTES] [--part-size BYTES]
//             [--cert FILE --key FILE] [--tell-every MS]
// Prints "http://127.0.0.1:PORT" and serves until it is ended. Contents and commits are dropped
// inside the kernel (recv with MSG_TRUNC copies nothing); what is answered say sink_hub.h and
// sink_s3.h, so that a whole upload can end here. With a certificate it speaks TLS 1.3 with
// AES-128-GCM and nothing else, so that all who are measured seal the same way, and prints
// https://; what comes is opened and dropped then. GET / says what came so far:
// {"requests":N,"bytes":N,"calls":{…}}, itself not counted. With --tell-every, a line of JSON says
// on and on how much content has arrived: {"s":SECONDS,"content":BYTES}. One thread a connection;
// loopback only.
// A request it does not understand ends the connection: it is a bench's counterpart, not a server
// for strangers.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
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
#include <openssl/ssl.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/sink_hub.h"
#include "bench/sink_s3.h"

namespace {

constexpr std::size_t head_size_max = 64 * 1024;
// Of a body that is looked into; 256 files or objects need far less.
constexpr std::uint64_t body_size_max = 64 * 1024 * 1024;
// Far more than a socket holds: one call drops whatever has arrived.
constexpr std::uint64_t drop_size_max = 16 * 1024 * 1024;

// A trailer with a checksum is far shorter.
constexpr std::uint64_t trailer_size_max = 256;

SinkHub served;
SinkStore store;
std::array<std::atomic<std::uint64_t>, sink_call_count> calls{};
std::atomic<std::uint64_t> requests_total{0};
std::atomic<std::uint64_t> bytes_total{0};
std::atomic<std::uint64_t> content_total{0};  // as it arrives

SSL_CTX* tls = nullptr;

// A connection, plain or not.
struct Wire {
  int fd;
  SSL* session = nullptr;

  ssize_t receive(char* into, std::size_t size) const {
    if (session) return SSL_read(session, into, static_cast<int>(size));
    ssize_t count = 0;
    do count = recv(fd, into, size, 0);
    while (count < 0 && errno == EINTR);
    return count;
  }
  // Reads and forgets up to so many bytes.
  ssize_t drop(std::uint64_t size) const {
    if (session) {
      thread_local std::array<char, 16 * 1024> record;
      return SSL_read(session, record.data(),
                      static_cast<int>(std::min<std::uint64_t>(size, record.size())));
    }
    ssize_t count = 0;
    do count = recv(fd, nullptr, std::min(size, drop_size_max), MSG_TRUNC);
    while (count < 0 && errno == EINTR);
    return count;
  }
  ssize_t send(std::string_view text) const {
    if (session) return SSL_write(session, text.data(), static_cast<int>(text.size()));
    ssize_t count = 0;
    do count = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    return count;
  }
};

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

bool send_all(const Wire& wire, std::string_view text) {
  while (!text.empty()) {
    ssize_t count = wire.send(text);
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool drop(const Wire& wire, std::uint64_t left, bool is_content) {
  while (left > 0) {
    ssize_t count = wire.drop(left);
    if (count <= 0) return false;
    left -= static_cast<std::uint64_t>(count);
    if (is_content) content_total += static_cast<std::uint64_t>(count);
  }
  return true;
}

// Appends to `buffer` until it holds a whole head; its length, or 0 at the end of the connection.
std::size_t read_head(const Wire& wire, std::string& buffer) {
  for (;;) {
    std::size_t end = buffer.find("\r\n\r\n");
    if (end != buffer.npos) return end + 4;
    if (buffer.size() > head_size_max) return 0;
    char chunk[4096];
    ssize_t count = wire.receive(chunk, sizeof chunk);
    if (count <= 0) return 0;
    buffer.append(chunk, static_cast<std::size_t>(count));
  }
}

// Appends to `buffer` until it holds `size` bytes.
bool read_body(const Wire& wire, std::string& buffer, std::uint64_t size) {
  while (buffer.size() < size) {
    char chunk[65536];
    ssize_t count =
        wire.receive(chunk, std::min<std::uint64_t>(sizeof chunk, size - buffer.size()));
    if (count <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(count));
  }
  return true;
}

std::string counts() {
  std::string each;
  for (std::size_t i = 0; i < sink_call_count; ++i)
    each += fmt::format("{}\"{}\":{}", i == 0 ? "" : ",", name_of(static_cast<SinkCall>(i)),
                        calls[i].load());
  return fmt::format("{{\"requests\":{},\"bytes\":{},\"calls\":{{{}}}}}\n", requests_total.load(),
                     bytes_total.load(), each);
}

// The length of the body that follows `head`; nothing if it is not said by number.
std::optional<std::uint64_t> length_of(std::string_view head) {
  std::string_view text = header(head, "content-length").value_or("0");
  std::uint64_t length = 0;
  if (header(head, "transfer-encoding")) return std::nullopt;
  if (std::from_chars(text.data(), text.data() + text.size(), length).ec != std::errc())
    return std::nullopt;
  return length;
}

bool send_answer(const Wire& wire, SinkCall call, std::string_view method,
                 const SinkAnswer& answer) {
  std::uint64_t size = method == "HEAD" && answer.body.empty() ? answer.size : answer.body.size();
  std::string head = fmt::format("HTTP/1.1 {} {}\r\ncontent-length: {}\r\n{}", answer.status,
                                 answer.status < 300 ? "OK" : "No", size, answer.fields);
  if (!answer.body.empty()) head += fmt::format("content-type: {}\r\n", answer.type);
  if (!answer.error_code.empty()) head += fmt::format("x-error-code: {}\r\n", answer.error_code);
  if (call == SinkCall::content)
    head += fmt::format("etag: \"{:032x}\"\r\n", requests_total.load());
  head += "\r\n";
  if (method != "HEAD") head += answer.body;
  return send_all(wire, head);
}

// Reads and forgets `size` bytes, of which the first may be in `buffer`, but for the last that fit
// into a trailer, if there is one: those are returned.
std::optional<std::string> drop_body(const Wire& wire, std::string& buffer, std::uint64_t size,
                                     bool has_trailer, bool is_content) {
  std::uint64_t kept = has_trailer ? std::min(size, trailer_size_max) : 0;
  std::uint64_t dropped = std::min<std::uint64_t>(size - kept, buffer.size());
  buffer.erase(0, dropped);
  if (is_content) content_total += dropped;
  if (!drop(wire, size - kept - dropped, is_content) || !read_body(wire, buffer, kept))
    return std::nullopt;
  std::string tail = buffer.substr(0, kept);
  buffer.erase(0, kept);
  return tail;
}

SinkAnswer answer_of_store(std::string_view head, std::string_view method, std::string_view target,
                           std::uint64_t length, std::string_view tail) {
  SinkStoreCall call{.method = method, .target = target, .size = length, .checksum = {}};
  call.checksum = checksum_in(tail.empty() ? head : tail);
  if (std::optional<std::string_view> size = header(head, "x-amz-decoded-content-length"))
    std::from_chars(size->data(), size->data() + size->size(), call.size);
  return store.answer(call);
}

// `head` without its blank line is the request; its body, as far as it is here, is in `buffer`.
bool answer_one(const Wire& wire, std::string_view head, std::string& buffer) {
  std::string_view line = head.substr(0, head.find("\r\n"));
  std::string_view method = line.substr(0, line.find(' '));
  std::string_view target = line.substr(std::min(line.size(), method.size() + 1));
  target = target.substr(0, target.find(' '));
  if (method == "GET" && target == "/")
    return send_answer(wire, SinkCall::look, method, {.body = counts(), .error_code = {}});
  std::optional<std::uint64_t> length = length_of(head);
  SinkCall call = call_of(method, target);
  if (!length || (needs_body(call) && *length > body_size_max)) {
    send_all(wire, "HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\n\r\n");
    return false;
  }
  if (header(head, "expect") && !send_all(wire, "HTTP/1.1 100 Continue\r\n\r\n")) return false;
  std::string body;
  if (needs_body(call)) {
    if (!read_body(wire, buffer, *length)) return false;
    body = buffer.substr(0, *length);
    buffer.erase(0, *length);
  } else {
    bool has_trailer = header(head, "x-amz-trailer").has_value();
    std::optional<std::string> tail =
        drop_body(wire, buffer, *length, has_trailer, call == SinkCall::content);
    if (!tail) return false;
    body = std::move(*tail);
  }
  bytes_total += *length;
  ++requests_total;
  ++calls[static_cast<std::size_t>(call)];
  if (SinkStore::is_asked(target))
    return send_answer(wire, call, method, answer_of_store(head, method, target, *length, body));
  // By the name it was asked for by, so that a relay in front of it sees the content as well.
  SinkHub asked = served;
  if (std::optional<std::string_view> host = header(head, "host")) {
    asked.url = fmt::format("{}{}", served.url.substr(0, served.url.find("://") + 3), *host);
  }
  return send_answer(wire, call, method, answer_of(asked, call, target, body));
}

bool serve_one(const Wire& wire, std::string& buffer) {
  std::size_t head_size = read_head(wire, buffer);
  if (head_size == 0) return false;
  std::string head = buffer.substr(0, head_size);
  buffer.erase(0, head_size);
  return answer_one(wire, head, buffer);
}

void serve(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Wire wire{.fd = fd};
  bool good = true;
  if (tls) {
    wire.session = SSL_new(tls);
    SSL_set_fd(wire.session, fd);
    good = SSL_accept(wire.session) == 1;
  }
  std::string buffer;
  while (good) good = serve_one(wire, buffer);
  SSL_free(wire.session);
  close(fd);
}

[[noreturn]] void tell_on_and_on(std::uint64_t period_ms) {
  using Clock = std::chrono::steady_clock;
  for (Clock::time_point begin = Clock::now();;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(period_ms));
    std::chrono::duration<double> since = Clock::now() - begin;
    fmt::print("{{\"s\":{:.4f},\"content\":{}}}\n", since.count(), content_total.load());
    if (std::fflush(stdout) != 0) std::exit(0);
  }
}

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void speak_tls(const char* certificate, const char* key) {
  tls = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  if (SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256") == 1 &&
      SSL_CTX_use_certificate_chain_file(tls, certificate) == 1 &&
      SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1)
    return;
  fmt::print(stderr, "sink: the certificate or its key cannot be used\n");
  std::exit(1);
}

struct Options {
  std::uint64_t port = 0;
  std::uint64_t tell_every_ms = 0;
  const char* cert = nullptr;
  const char* key = nullptr;
};

// Sets what a flag names; false for one that is not known or has no number.
bool set_option(std::string_view flag, const char* word, Options& options) {
  if (flag == "--cert" || flag == "--key") {
    (flag == "--cert" ? options.cert : options.key) = word;
    return true;
  }
  std::string_view text = word;
  std::uint64_t* value = flag == "--port"                  ? &options.port
                         : flag == "--tell-every"          ? &options.tell_every_ms
                         : flag == "--inline-limit"        ? &served.inline_limit
                         : flag == "--multipart-threshold" ? &served.multipart_threshold
                         : flag == "--part-size"           ? &served.part_size
                                                           : nullptr;
  if (value == nullptr) return false;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

int main(int count, char** words) {
  Options options;
  bool known = count % 2 == 1;
  for (int i = 1; known && i < count; i += 2) known = set_option(words[i], words[i + 1], options);
  if (!known || options.port > UINT16_MAX || served.part_size == 0 ||
      !options.cert != !options.key) {
    fmt::print(stderr,
               "usage: sink [--port N] [--inline-limit BYTES] [--multipart-threshold BYTES] "
               "[--part-size BYTES] [--cert FILE --key FILE] [--tell-every MS]\n");
    return 2;
  }
  if (options.cert) speak_tls(options.cert, options.key);
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) die("socket");
  int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(options.port));
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0) die("bind");
  if (listen(listener, 1024) != 0) die("listen");
  if (getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) die("getsockname");
  served.url = fmt::format("{}://127.0.0.1:{}", tls ? "https" : "http", ntohs(address.sin_port));
  fmt::print("{}\n", served.url);
  std::fflush(stdout);
  if (options.tell_every_ms > 0) std::thread(tell_on_and_on, options.tell_every_ms).detach();
  for (;;) {
    int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      die("accept");
    }
    std::thread(serve, fd).detach();
  }
}
