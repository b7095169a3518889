// limit_bench.cc: the least that each kind of step can cost on this machine, as the measure of
// ours: bench/share divides by these. They use the kernel, the C library and OpenSSL, and no code
// of ours.
#include <array>
#include <atomic>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

void count_bytes(benchmark::State& state, std::size_t each) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(each));
}

// Each byte seen once: 256 KiB stay in the cache, 64 MiB mostly don't.
void limit_read(benchmark::State& state) {
  std::vector<std::uint64_t> words(static_cast<std::size_t>(state.range(0)) / 8, 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(std::accumulate(words.begin(), words.end(), std::uint64_t{0}));
  }
  count_bytes(state, words.size() * 8);
}
BENCHMARK(limit_read)->Arg(256 << 10)->Arg(64 << 20);

// A text that is made is at least written once: from one place in the cache to another.
void limit_copy(benchmark::State& state) {
  std::string from(static_cast<std::size_t>(state.range(0)), 'x');
  std::string to(from.size(), 'y');
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state, from.size());
}
BENCHMARK(limit_copy)->Arg(256)->Arg(64 << 10);

// What the ring does one of, without the ring.
void limit_read_call(benchmark::State& state) {
  int file = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  std::array<char, 64> buffer{};
  for (auto _ : state) benchmark::DoNotOptimize(read(file, buffer.data(), buffer.size()));
  close(file);
}
BENCHMARK(limit_read_call);

// A byte to a socket of this thread and back, over a pair that knows no TCP.
void limit_ping(benchmark::State& state) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
  char byte = 0;
  for (auto _ : state) {
    for (int side : {0, 1}) {
      benchmark::DoNotOptimize(send(ends[side], &byte, 1, MSG_NOSIGNAL));
      benchmark::DoNotOptimize(recv(ends[1 - side], &byte, 1, 0));
    }
  }
  close(ends[0]);
  close(ends[1]);
}
BENCHMARK(limit_ping);

// What may be used by several threads is taken and given back by one atomic step each.
void limit_atomic_pair(benchmark::State& state) {
  std::atomic<std::uint64_t> count{0};
  for (auto _ : state) {
    count.fetch_add(1, std::memory_order_acquire);
    count.fetch_sub(1, std::memory_order_release);
  }
}
BENCHMARK(limit_atomic_pair);

void digest_once(benchmark::State& state, const EVP_MD* algorithm, std::size_t size, int times) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::string bytes(size, 'x');
  unsigned char value[EVP_MAX_MD_SIZE];
  for (auto _ : state) {
    for (int i = 0; i < times; ++i) {
      EVP_DigestInit_ex(context, algorithm, nullptr);
      EVP_DigestUpdate(context, bytes.data(), bytes.size());
      EVP_DigestFinal_ex(context, value, nullptr);
    }
    benchmark::DoNotOptimize(value);
  }
  EVP_MD_CTX_free(context);
}

void limit_sha1(benchmark::State& state) {
  digest_once(state, EVP_sha1(), 256 << 10, 1);
  count_bytes(state, 256 << 10);
}
BENCHMARK(limit_sha1);
// A signature is two digests of short texts, and five HMACs of two digests each.
void limit_signature(benchmark::State& state) { digest_once(state, EVP_sha256(), 100, 12); }
BENCHMARK(limit_signature);

}  // namespace
