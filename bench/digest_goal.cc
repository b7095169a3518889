// digest_goal.cc: SHA-256 of many files on all cores, as a multiple of OpenSSL's one stream a core.
//
// Usage: digest_goal [--json] [--files N] [--mib N] [--rounds N] [--dir PATH]
// Makes N files of so many MiB (64 of 16; below PATH, removed afterwards), reads them once so that
// they lie in the page cache, and measures in turn, a round each: OpenSSL over one core; all files
// in memory, in lanes, on all workers; all files from the page cache by the engine's read pass.
// Prints a table of medians, by wall time and by CPU time: on a machine that does other things
// beside, the second is what to believe. With --json, first of all, it prints one line instead: the
// medians in bytes a second of a core, by CPU time, and the number of cores. Exits 1 if a goal is
// missed: 1.6 in memory, 1.45 from the page cache, both by CPU time.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <time.h>
#include <unistd.h>

#include "engine/crew.h"
#include "engine/read_pass.h"
#include "io/digest/cpu.h"
#include "io/digest/sha256.h"
#include "io/machine.h"
#include "io/prng.h"
#include "io/runtime.h"

namespace headrace {
namespace {

constexpr double memory_goal = 1.6;
constexpr double page_cache_goal = 1.45;
constexpr double gib = 1024.0 * 1024 * 1024;

struct Options {
  std::size_t files = 64;
  std::size_t file_bytes = 16ULL << 20;
  int rounds = 5;
  std::string directory = "/tmp";
  bool json = false;
};

// Bytes a second, by the clock and by CPU time of the whole process; the latter times the number of
// cores is what an idle machine would do.
struct Rate {
  double wall = 0;
  double cpu = 0;
};

double clock_seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

template <class Function>
Rate measure(double bytes, Function function) {
  double cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
  double wall = clock_seconds(CLOCK_MONOTONIC);
  function();
  wall = clock_seconds(CLOCK_MONOTONIC) - wall;
  cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  return {bytes / wall, bytes / cpu};
}

class Files {
 public:
  explicit Files(const Options& options) : options_(options) {
    place_ = options.directory + "/headrace-digest-XXXXXX";
    if (mkdtemp(place_.data()) == nullptr) die("mkdtemp");
    std::vector<std::uint64_t> words(options.file_bytes / 8);
    for (std::size_t i = 0; i < options.files; ++i) {
      Prng prng(i + 1);
      for (std::uint64_t& word : words) word = prng.next();
      paths_.push_back(fmt::format("{}/{:03}", place_, i));
      write_file(paths_.back(), std::as_bytes(std::span(words)));
    }
  }
  ~Files() {
    for (const std::string& path : paths_) unlink(path.c_str());
    rmdir(place_.c_str());
  }
  [[noreturn]] static void die(const char* what) {
    std::perror(what);
    std::exit(2);
  }
  const std::string& path(std::size_t i) const { return paths_[i]; }
  double bytes() const { return static_cast<double>(options_.files * options_.file_bytes); }

 private:
  // Written, dropped and read again in large steps: as files lie in the cache that were read there
  // from a disk.
  void write_file(const std::string& path, std::span<const std::byte> bytes) const {
    int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) die(path.c_str());
    if (write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) die("write");
    if (fdatasync(fd) != 0) die("fdatasync");
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    std::vector<std::byte> block(1 << 20);
    while (read(fd, block.data(), block.size()) > 0) continue;
    close(fd);
  }
  const Options& options_;
  std::string place_;
  std::vector<std::string> paths_;
};

// One stream, one core, over a piece that stays in its cache.
Rate run_openssl(std::span<const std::byte> piece) {
  constexpr std::size_t pieces = 1024;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
  Rate rate = measure(static_cast<double>(pieces * piece.size()), [&] {
    for (std::size_t i = 0; i < pieces; ++i) {
      EVP_DigestUpdate(context, piece.data(), piece.size());
    }
  });
  EVP_MD_CTX_free(context);
  return rate;
}

// Each thread takes as many of the files as it has lanes, and goes through them block by block. All
// read the same bytes, so that memory for one file is enough; the lanes can't know that.
Rate run_memory(const Options& options, std::span<const std::byte> bytes, std::size_t threads) {
  auto hash_share = [&](std::size_t thread) {
    for (std::size_t first = thread * kernel_lanes_max; first < options.files;
         first += threads * kernel_lanes_max) {
      std::size_t count = std::min(kernel_lanes_max, options.files - first);
      std::vector<Sha256> digests(count);
      std::vector<LaneInput> inputs(count);
      for (std::size_t offset = 0; offset < bytes.size(); offset += block_size_bytes) {
        for (std::size_t i = 0; i < count; ++i) {
          std::size_t where = (offset + i * block_size_bytes) % bytes.size();
          inputs[i] = digests[i].absorb(bytes.subspan(where, block_size_bytes));
        }
        run_lanes(sha256_kernels(), inputs);
      }
    }
  };
  return measure(static_cast<double>(options.files * options.file_bytes), [&] {
    std::vector<std::jthread> running;
    for (std::size_t i = 0; i < threads; ++i) running.emplace_back(hash_share, i);
  });
}

// The engine's way: workers with a ring each, lanes that take files, read passes.
class PageCacheRun {
 public:
  PageCacheRun(const Options& options, const Files& files, std::size_t workers)
      : options_(options), files_(files) {
    Result<std::unique_ptr<Runtime>> runtime = Runtime::start(workers, 1);
    if (!runtime) Files::die("io_uring");
    runtime_ = std::move(*runtime);
    std::vector<Worker*> list;
    for (std::size_t i = 0; i < workers; ++i) list.push_back(&runtime_->worker(i));
    crew_.emplace(std::move(list), resolver_, arena_);
  }

  Rate run() {
    next_ = 0;
    return measure(files_.bytes(), [&] {
      Worker& first = runtime_->worker(0);
      std::promise<void> done;
      std::optional<Scope> scope;
      first.send([&] {
        scope.emplace(first);
        scope->spawn(whole(*scope, done));
      });
      done.get_future().wait();
      std::promise<void> gone;
      first.send([&] {
        scope.reset();
        gone.set_value();
      });
      gone.get_future().wait();
    });
  }
  double streams_per_meeting() {
    double streams = 0;
    double meetings = 0;
    for (std::size_t i = 0; i < crew_->size(); ++i) {
      streams += static_cast<double>(crew_->hand(i).digests.streams());
      meetings += static_cast<double>(crew_->hand(i).digests.meetings());
    }
    return streams / meetings;
  }

 private:
  Task<void> whole(Scope& scope, std::promise<void>& done) {
    Crew::Part part = [this](Scope& member, Hand hand) { return lanes(member, hand); };
    co_await crew_->all(scope, part);
    done.set_value();
  }
  Task<void> lanes(Scope& scope, Hand hand) {
    Scope inner(scope);
    for (std::size_t i = 0; i < kernel_lanes_max; ++i) inner.spawn(lane(inner, hand.digests));
    co_await inner.join();
  }
  Task<void> lane(Scope& scope, DigestLanes& digests) {
    Ticket ticket = co_await arena_.reserve(scope, 1);
    for (std::size_t i = next_++; i < options_.files; i = next_++) {
      FileSource source(files_.path(i));
      Sha256 sha256;
      DigestTap tap(sha256, digests);
      Tap* const taps[] = {&tap};
      ReadPass pass{.source = source, .size = options_.file_bytes, .taps = taps, .ticket = ticket};
      Result<FileIdentity> identity = co_await pass.run(scope);
      if (!identity) Files::die("read pass");
      sha256.finish();
    }
  }

  const Options& options_;
  const Files& files_;
  std::atomic<std::size_t> next_{0};
  Arena arena_{64ULL << 20};
  SystemResolver resolver_;
  std::unique_ptr<Runtime> runtime_;
  std::optional<Crew> crew_;
};

Rate median(std::vector<Rate> rates) {
  Rate result;
  auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
  std::ranges::nth_element(rates, middle, {}, &Rate::wall);
  result.wall = middle->wall;
  std::ranges::nth_element(rates, middle, {}, &Rate::cpu);
  result.cpu = middle->cpu;
  return result;
}

int run(const Options& options) {
  Files files(options);
  auto workers = static_cast<std::size_t>(read_machine().cores_usable);
  std::vector<std::byte> bytes(options.file_bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31 >> 3);
  PageCacheRun page_cache_run(options, files, workers);
  std::vector<Rate> openssl;
  std::vector<Rate> memory;
  std::vector<Rate> page_cache;
  for (int round = 0; round < options.rounds; ++round) {
    openssl.push_back(run_openssl(std::span(bytes).first(block_size_bytes)));
    memory.push_back(run_memory(options, bytes, workers));
    page_cache.push_back(page_cache_run.run());
  }
  if (options.json) {
    fmt::print("{{\"cores\":{},\"openssl\":{:.0f},\"memory\":{:.0f},\"page_cache\":{:.0f}}}\n",
               workers, median(openssl).cpu, median(memory).cpu, median(page_cache).cpu);
    return 0;
  }
  const KernelSet& set = sha256_kernels();
  fmt::print("{} files of {} MiB, {} workers; {}; {} from {} streams on; {:.1f} streams met\n\n",
             options.files, options.file_bytes >> 20, workers, describe(cpu_features()),
             set.many.name, many_from(set), page_cache_run.streams_per_meeting());
  Rate base = median(openssl);
  fmt::print(
      "| SHA-256 | GiB/s by wall time | of OpenSSL x {} | GiB/s a core by CPU time | of "
      "OpenSSL |\n|---|---|---|---|---|\n",
      workers);
  auto row = [&](const char* name, Rate rate, double cores) {
    fmt::print("| {} | {:.2f} | {:.2f} | {:.2f} | {:.2f} |\n", name, rate.wall / gib,
               rate.wall / (base.wall * cores), rate.cpu / gib, rate.cpu / base.cpu);
    return rate.cpu / base.cpu;
  };
  row("OpenSSL, one stream, one core", base, 1);
  auto cores = static_cast<double>(workers);
  bool fast = row("in memory, in lanes", median(memory), cores) >= memory_goal;
  fast = row("from the page cache, in lanes", median(page_cache), cores) >= page_cache_goal && fast;
  fmt::print("\n{}: goals are {} in memory and {} from the page cache\n",
             fast ? "reached" : "missed", memory_goal, page_cache_goal);
  return fast ? 0 : 1;
}

}  // namespace
}  // namespace headrace

int main(int count, char** words) {
  headrace::Options options;
  int first = 1;
  if (count > 1 && std::string_view(words[1]) == "--json") {
    options.json = true;
    ++first;
  }
  for (int i = first; i + 1 < count; i += 2) {
    std::string_view name = words[i];
    if (name == "--files") options.files = static_cast<std::size_t>(std::atoll(words[i + 1]));
    if (name == "--mib") {
      options.file_bytes = static_cast<std::size_t>(std::atoll(words[i + 1])) << 20;
    }
    if (name == "--rounds") options.rounds = std::atoi(words[i + 1]);
    if (name == "--dir") options.directory = words[i + 1];
  }
  if (options.files == 0 || options.file_bytes == 0 || options.rounds <= 0 ||
      (count - first) % 2 != 0) {
    fmt::print(stderr,
               "usage: digest_goal [--json] [--files N] [--mib N] [--rounds N] [--dir PATH]\n");
    return 2;
  }
  return headrace::run(options);
}
