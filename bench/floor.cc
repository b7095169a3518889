// floor.cc: the least an upload can cost with blocking calls, as the measure of ours.
//
// Usage: floor send FILE http://HOST:PORT   4 threads take 16 MiB parts of FILE in turn; each part
//                                           is one PUT, moved by pread of 256 KiB and send.
//        floor hash FILE                    pread of 256 KiB and OpenSSL's SHA-256 over FILE.
//        floor seal FILE                    OpenSSL's AES-128-GCM over as many bytes as FILE has,
//        in
//                                           records of 16 KiB out of one block of 256 KiB.
//        floor read FILE…                   as fast as the device is: 4 threads, O_DIRECT, pieces
//        of
//                                           1 MiB.
// Prints one line of JSON: gib, seconds, cpu_seconds, cpu_s_per_gib. Shares no code with what it
// is compared with.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace {

constexpr int threads_count = 4;
constexpr std::uint64_t part_size = 16 * 1024 * 1024;
constexpr std::size_t block_size = 256 * 1024;
constexpr std::size_t record_size = 16 * 1024;
constexpr std::uint64_t direct_piece_size = 1024 * 1024;
constexpr std::size_t direct_alignment = 4096;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

double clock_seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct File {
  int fd;
  std::uint64_t size;
};

File open_file(const char* path, int how = 0) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | how);
  struct stat facts{};
  if (fd < 0 || fstat(fd, &facts) != 0) die(path);
  return {fd, static_cast<std::uint64_t>(facts.st_size)};
}

// Where the kernel copies fast: Zen 3 and 4 copy four times slower to 1 to 31 bytes behind the
// source modulo a page, and large vectors begin 16 bytes behind a page.
struct alignas(4096) Block {
  char bytes[block_size];
};

std::size_t read_block(const File& file, std::uint64_t offset, Block& block, std::uint64_t limit) {
  std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(block_size, limit));
  ssize_t count = pread(file.fd, block.bytes, wanted, static_cast<off_t>(offset));
  if (count <= 0) die("pread");
  return static_cast<std::size_t>(count);
}

sockaddr_in parse_address(std::string_view url) {
  std::string text(url.substr(url.starts_with("http://") ? 7 : 0));
  std::size_t colon = text.find(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon == text.npos ||
      inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    fmt::print(stderr, "floor: not http://ADDRESS:PORT: {}\n", url);
    std::exit(2);
  }
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(text.c_str() + colon + 1)));
  return address;
}

int connect_to(const sockaddr_in& address) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("connect");
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void send_all(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    ssize_t count = send(fd, bytes, size, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) die("send");
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
}

void receive_answer(int fd) {
  std::string answer;
  while (answer.find("\r\n\r\n") == answer.npos) {
    char chunk[1024];
    ssize_t count = recv(fd, chunk, sizeof chunk, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) die("recv");
    answer.append(chunk, static_cast<std::size_t>(count));
  }
  if (answer.compare(9, 3, "200") != 0) {
    fmt::print(stderr, "floor: the answer was {}\n", answer.substr(0, answer.find('\r')));
    std::exit(1);
  }
}

void send_parts(const File& file, const sockaddr_in& address, std::atomic<std::uint64_t>& next) {
  int fd = connect_to(address);
  auto block = std::make_unique<Block>();
  for (;;) {
    std::uint64_t part = next++;
    std::uint64_t offset = part * part_size;
    if (offset >= file.size) break;
    std::uint64_t end = std::min(offset + part_size, file.size);
    std::string head = fmt::format(
        "PUT /{:05} HTTP/1.1\r\nhost: sink\r\ncontent-length: {}\r\n\r\n", part + 1, end - offset);
    send_all(fd, head.data(), head.size());
    while (offset < end) {
      std::size_t count = read_block(file, offset, *block, end - offset);
      send_all(fd, block->bytes, count);
      offset += count;
    }
    receive_answer(fd);
  }
  close(fd);
}

void run_send(const File& file, std::string_view url) {
  sockaddr_in address = parse_address(url);
  std::atomic<std::uint64_t> next{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < threads_count; ++i) {
    threads.emplace_back([&] { send_parts(file, address, next); });
  }
  for (std::thread& thread : threads) thread.join();
}

void run_hash(const File& file) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  if (context == nullptr || EVP_DigestInit_ex(context, EVP_sha256(), nullptr) != 1) die("EVP");
  auto block = std::make_unique<Block>();
  for (std::uint64_t offset = 0; offset < file.size;) {
    std::size_t count = read_block(file, offset, *block, file.size - offset);
    EVP_DigestUpdate(context, block->bytes, count);
    offset += count;
  }
  unsigned char value[EVP_MAX_MD_SIZE];
  EVP_DigestFinal_ex(context, value, nullptr);
  EVP_MD_CTX_free(context);
}

// As TLS 1.3 does it: a nonce and the head of the record for each, the tag behind.
void run_seal(std::uint64_t size) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  const unsigned char key[16] = {1, 2, 3};
  unsigned char nonce[12] = {};
  const unsigned char head[5] = {23, 3, 3, 0x40, 0x11};
  if (context == nullptr ||
      EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nullptr, key, nonce) != 1)
    die("EVP");
  std::vector<unsigned char> block(block_size, 'x');
  std::vector<unsigned char> sealed(block_size + 1024);
  for (std::uint64_t done = 0; done < size; done += record_size) {
    std::size_t at = done % block_size;
    int length = 0;
    std::memcpy(nonce, &done, sizeof done);
    EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce);
    EVP_EncryptUpdate(context, nullptr, &length, head, sizeof head);
    EVP_EncryptUpdate(context, sealed.data() + at, &length, block.data() + at, record_size);
    EVP_EncryptFinal_ex(context, sealed.data() + at + record_size, &length);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, sealed.data() + at + record_size);
  }
  EVP_CIPHER_CTX_free(context);
}

// The pieces of all files, dealt out to the threads in turn.
void run_read(const std::vector<File>& files) {
  std::atomic<std::uint64_t> next{0};
  auto read_pieces = [&] {
    void* piece = std::aligned_alloc(direct_alignment, direct_piece_size);
    if (piece == nullptr) die("aligned_alloc");
    std::uint64_t before = 0;  // pieces of the files ahead of this one
    std::uint64_t number = next++;
    for (const File& file : files) {
      std::uint64_t pieces = (file.size + direct_piece_size - 1) / direct_piece_size;
      while (number < before + pieces) {
        auto offset = static_cast<off_t>((number - before) * direct_piece_size);
        if (pread(file.fd, piece, direct_piece_size, offset) <= 0) die("pread");
        number = next++;
      }
      before += pieces;
    }
    std::free(piece);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < threads_count; ++i) threads.emplace_back(read_pieces);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main(int count, char** words) {
  std::string_view verb = count > 1 ? words[1] : "";
  bool known = (verb == "send" && count == 4) || (verb == "read" && count > 2) ||
               ((verb == "hash" || verb == "seal") && count == 3);
  if (!known) {
    fmt::print(stderr,
               "usage: floor send FILE http://ADDRESS:PORT | floor hash FILE | floor seal FILE | "
               "floor read FILE…\n");
    return 2;
  }
  std::vector<File> files;
  std::uint64_t size = 0;
  for (int i = 2; i < (verb == "read" ? count : 3); ++i) {
    files.push_back(open_file(words[i], verb == "read" ? O_DIRECT : 0));
    size += files.back().size;
  }
  const File& file = files.front();
  double began = clock_seconds(CLOCK_MONOTONIC);
  double cpu_began = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
  if (verb == "send") run_send(file, words[3]);
  else if (verb == "hash") run_hash(file);
  else if (verb == "read") run_read(files);
  else run_seal(size);
  double took = clock_seconds(CLOCK_MONOTONIC) - began;
  double cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_began;
  double gib = static_cast<double>(size) / (1024.0 * 1024 * 1024);
  fmt::print(
      "{{\"gib\":{:.3f},\"seconds\":{:.3f},\"cpu_seconds\":{:.3f},\"cpu_s_per_gib\":{:.4f}}}\n",
      gib, took, cpu, cpu / gib);
  return 0;
}
