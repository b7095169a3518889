// part_path.cc: what the engine's own way of a part costs, without a Hub around it.
//
// Usage: part_path send FILE http://HOST:PORT   parts of 16 MiB, each one PUT, by as many workers
//                                               and connections as an upload begins with
//        part_path hash FILE http://HOST:PORT   SHA-256 of the file first, then the same
// https:// works as well; trust comes from where the environment says.
// Prints one line of JSON as floor does. It goes below the front door, to leave the scheduler and
// the events out of what is measured.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <sys/stat.h>

#include "engine/concurrency.h"
#include "engine/crew.h"
#include "engine/part_upload.h"
#include "engine/read_pass.h"
#include "io/digest/sha256.h"
#include "io/machine.h"
#include "io/runtime.h"
#include "net/tls_context.h"
#include "tests/support/target.h"

namespace headrace {
namespace {

constexpr std::uint64_t part_size = 16 * 1024 * 1024;
constexpr std::size_t connections = ConcurrencyLimits{}.start;
constexpr std::size_t blocks_per_lane = 2;

// Each part has a URL of its own, as the Hub's have.
class SinkTarget final : public EvenTarget {
 public:
  SinkTarget(std::string url, std::uint64_t size) : EvenTarget(size, part_size, std::move(url)) {}
  Result<PartRequest> request(std::uint32_t index) const override {
    return PartRequest{.method = "PUT", .url = fmt::format("{}/{:05}", url_, index + 1)};
  }
};

class Run {
 public:
  Run(std::string path, std::uint64_t size, std::string url, bool hashes)
      : source_(std::move(path)),
        size_(size),
        target_(std::make_shared<SinkTarget>(std::move(url), size)),
        hashes_(hashes) {}

  Task<Status> whole(Scope& scope, Crew& crew) {
    Result<FileIdentity> known = co_await first_pass(scope, crew);
    if (!known) co_return fail(std::move(known.error()));
    identity_ = *known;
    Crew::Part part = [this, &crew](Scope& member, Hand hand) {
      return all_lanes(member, hand, crew);
    };
    co_await crew.all(scope, part);
    co_await crew.close_idle(scope);
    if (failed_) co_return fail(std::move(*failed_));
    co_return Status();
  }

 private:
  Task<Result<FileIdentity>> first_pass(Scope& scope, Crew& crew) {
    if (!hashes_) {
      Result<std::unique_ptr<Reader>> reader = co_await source_.open(scope);
      if (!reader) co_return fail(std::move(reader.error()));
      FileIdentity identity = (*reader)->identity();
      co_await (*reader)->close(scope);
      co_return identity;
    }
    Sha256 digest;
    DigestTap tap(digest);
    Tap* const taps[] = {&tap};
    Ticket ticket = co_await crew.arena().reserve(scope, 1);
    ReadPass pass{.source = source_, .size = size_, .taps = taps, .ticket = ticket};
    Result<FileIdentity> identity = co_await pass.run(scope);
    co_return identity;
  }

  Task<void> all_lanes(Scope& scope, Hand hand, Crew& crew) {
    Scope lanes(scope);
    for (std::size_t i = 0; i < connections; i += crew.size()) {
      lanes.spawn(lane(lanes, hand.client, crew.arena()));
    }
    co_await lanes.join();
  }

  Task<void> lane(Scope& scope, HttpClient& client, Arena& arena) {
    Ticket ticket = co_await arena.reserve(scope, blocks_per_lane);
    for (std::uint32_t index = next_++; index < target_->part_count(); index = next_++) {
      SendPart work{0, 0, identity_, index, 1, 0, target_, {}};
      PartUpload upload{.client = client,
                        .source = source_,
                        .work = work,
                        .ticket = ticket,
                        .counters = counters_};
      Result<std::string> etag = co_await upload.run(scope);
      if (!etag) {
        std::lock_guard lock(mutex_);
        if (!failed_) failed_ = std::move(etag.error());
        co_return;
      }
    }
  }

  const FileSource source_;
  const std::uint64_t size_;
  const std::shared_ptr<const SinkTarget> target_;
  const bool hashes_;
  FileIdentity identity_;
  std::atomic<std::uint32_t> next_{0};
  Counters counters_;
  std::mutex mutex_;
  std::optional<Error> failed_;
};

Task<void> run_then_tell(Scope& scope, Run& run, Crew& crew, std::promise<Status>& answer) {
  Status status = co_await run.whole(scope, crew);
  answer.set_value(std::move(status));
}

Status run_on_workers(Run& run) {
  Machine machine = read_machine();
  Arena arena(default_memory_budget(machine));
  SystemResolver resolver;
  auto runtime = Runtime::start(static_cast<std::size_t>(machine.cores_usable), 1);
  if (!runtime) return fail(std::move(runtime.error()));
  std::vector<Worker*> workers;
  for (std::size_t i = 0; i < (*runtime)->size(); ++i) workers.push_back(&(*runtime)->worker(i));
  Worker& first = *workers.front();
  std::optional<Crew> crew;
  auto variable = [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  NetworkOptions network{.tls = TlsContext::of_client({.trust = choose_trust({}, variable)})};
  crew.emplace(std::move(workers), resolver, arena, network);
  std::optional<Scope> scope;
  std::promise<Status> answer;
  first.send([&] {
    scope.emplace(first);
    scope->spawn(run_then_tell(*scope, run, *crew, answer));
  });
  Status status = answer.get_future().get();
  std::promise<void> gone;
  first.send([&] {
    scope.reset();
    gone.set_value();
  });
  gone.get_future().wait();
  (*runtime)->stop();
  return status;
}

}  // namespace
}  // namespace headrace

int main(int count, char** words) {
  using namespace headrace;
  std::string_view verb = count == 4 ? words[1] : "";
  if (verb != "send" && verb != "hash") {
    fmt::print(stderr, "usage: part_path send|hash FILE http://HOST:PORT\n");
    return 2;
  }
  struct stat facts{};
  if (stat(words[2], &facts) != 0) {
    std::perror(words[2]);
    return 1;
  }
  auto size = static_cast<std::uint64_t>(facts.st_size);
  auto began = std::chrono::steady_clock::now();
  Duration cpu_began = cpu_time_used();
  Run run(words[2], size, words[3], verb == "hash");
  Status status = run_on_workers(run);
  if (!status) {
    fmt::print(stderr, "{}\n", describe(status.error()));
    return 1;
  }
  double seconds = seconds_of(std::chrono::steady_clock::now() - began);
  double cpu = seconds_of(cpu_time_used() - cpu_began);
  double gib = static_cast<double>(size) / (1024.0 * 1024 * 1024);
  fmt::print(
      "{{\"gib\":{:.3f},\"seconds\":{:.3f},\"cpu_seconds\":{:.3f},\"cpu_s_per_gib\":{:.4f}}}\n",
      gib, seconds, cpu, cpu / gib);
  return 0;
}
