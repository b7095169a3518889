#include "io/rates.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/digest/crc.h"
#include "io/digest/sha256.h"

namespace headrace {
namespace {

// Large enough that read-ahead runs at full width, small enough to be written within a moment.
constexpr std::size_t probe_bytes = 64 << 20;
constexpr std::size_t piece_bytes = 1 << 20;
// What a lane or a sender is given at once.
constexpr std::size_t block_bytes = 256 << 10;
constexpr Duration measuring_time = 150ms;

Duration thread_cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// A descriptor that is closed where it goes.
struct OwnedFd {
  int fd = -1;
  explicit OwnedFd(int opened) : fd(opened) {}
  OwnedFd(const OwnedFd&) = delete;
  ~OwnedFd() {
    if (fd >= 0) ::close(fd);
  }
};

// A file without a name, written and sent to the disk; its descriptor, or -errno.
int make_probe(const std::string& folder) {
  int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) {
    // Some file systems know no files without names.
    std::string name = folder + "/.headrace-probe-XXXXXX";
    file = ::mkostemp(name.data(), O_CLOEXEC);
    if (file < 0) return -errno;
    ::unlink(name.c_str());
  }
  std::vector<std::byte> piece(piece_bytes, std::byte{0x5a});
  for (std::size_t done = 0; done < probe_bytes; done += piece_bytes) {
    if (::write(file, piece.data(), piece.size()) != static_cast<ssize_t>(piece.size())) {
      int why = errno;
      ::close(file);
      return why == 0 ? -EIO : -why;
    }
  }
  // Only what is on the disk can be let go, so that reading it means reading.
  if (::fdatasync(file) == 0) (void)::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  return file;
}

std::unexpected<Error> no_loopback(int why) {
  return fail(system_error("probe_failed", "loopback could not be measured", why)
                  .hinting("look whether the interface lo is up"));
}

// Drops what comes, until the other side ends.
void drop_all(int peer) {
  // Far more than a socket holds: one call drops whatever has arrived, and copies nothing.
  while (::recv(peer, nullptr, 16 << 20, MSG_TRUNC) > 0) continue;
}

}  // namespace

double step_rate(const Clock& clock, std::size_t bytes_a_step, const std::function<void()>& step) {
  double bytes = 0;
  Duration cpu_begin = thread_cpu_time();
  for (Time begin = clock(); clock() - begin < measuring_time;) {
    step();
    bytes += static_cast<double>(bytes_a_step);
  }
  return bytes / std::max(seconds_of(thread_cpu_time() - cpu_begin), 1e-6);
}

double sha256_rate(const Clock& clock) {
  std::vector<std::byte> piece(piece_bytes, std::byte{0x5a});
  Sha256 digest;
  double rate = step_rate(clock, piece.size(), [&] { digest.update(piece); });
  (void)digest.finish();
  return rate;
}

double sha256_lanes_rate(const Clock& clock) {
  std::vector<std::byte> bytes(kernel_lanes_max * block_bytes, std::byte{0x5a});
  std::vector<Sha256> digests(kernel_lanes_max);
  std::vector<LaneInput> inputs(kernel_lanes_max);
  return step_rate(clock, bytes.size(), [&] {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      inputs[i] = digests[i].absorb(std::span(bytes).subspan(i * block_bytes, block_bytes));
    }
    run_lanes(sha256_kernels(), inputs);
  });
}

double crc64_rate(const Clock& clock) {
  std::vector<std::byte> piece(block_bytes, std::byte{0x5a});
  std::uint64_t crc = 0;
  return step_rate(clock, piece.size(), [&] { crc = crc64_nvme(crc, piece); });
}

Result<double> disk_rate(const std::string& folder, const Clock& clock) {
  OwnedFd file(make_probe(folder));
  if (file.fd < 0) {
    Error error = system_error("probe_failed", "the disk could not be measured", -file.fd);
    return fail(std::move(error).on_path(folder).hinting(
        "run it where 64 MiB may be written for a moment"));
  }
  std::vector<std::byte> piece(piece_bytes);
  double bytes = 0;
  Time begin = clock();
  for (off_t at = 0;; at += static_cast<off_t>(piece.size())) {
    ssize_t got = ::pread(file.fd, piece.data(), piece.size(), at);
    if (got <= 0) break;
    bytes += static_cast<double>(got);
  }
  return bytes / std::max(seconds_of(clock() - begin), 1e-6);
}

Result<double> send_rate(const Clock& clock) {
  OwnedFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  OwnedFd sender(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* where = reinterpret_cast<sockaddr*>(&address);
  if (listener.fd < 0 || sender.fd < 0 || ::bind(listener.fd, where, size) != 0 ||
      ::listen(listener.fd, 1) != 0 || ::getsockname(listener.fd, where, &size) != 0 ||
      ::connect(sender.fd, where, size) != 0) {
    return no_loopback(errno);
  }
  OwnedFd peer(::accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC));
  if (peer.fd < 0) return no_loopback(errno);
  std::jthread receiver(drop_all, peer.fd);
  std::vector<std::byte> block(block_bytes, std::byte{0x5a});
  bool cut = false;
  double rate = step_rate(clock, block.size(), [&] {
    ssize_t count = ::send(sender.fd, block.data(), block.size(), MSG_NOSIGNAL);
    cut = cut || count != static_cast<ssize_t>(block.size());
  });
  ::shutdown(sender.fd, SHUT_RDWR);
  if (cut) return no_loopback(EPIPE);
  return rate;
}

}  // namespace headrace
