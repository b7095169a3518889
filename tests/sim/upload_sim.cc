#include "tests/sim/upload_sim.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/hub/upload.h"
#include "tests/sim/sim_hub.h"

namespace headrace {
namespace {

constexpr Duration run_limit = std::chrono::hours(48);
constexpr std::uint64_t turns_max = 20'000'000;
constexpr std::size_t files_max = 12;
constexpr char folder[] = "/folder/";
constexpr char repo_name[] = "me/simulated";

class CountingReporter final : public Reporter {
 public:
  void event(Event event) override {
    if (std::holds_alternative<PartRetried>(event)) ++parts_retried;
  }
  std::uint64_t parts_retried = 0;
};

std::string random_bytes(Prng& prng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(prng.next());
  return bytes;
}

bool left_out(const UploadResult& result, const std::string& path) {
  return std::ranges::any_of(result.failures,
                             [&](const Error& error) { return error.path.ends_with(path); });
}

// One seed's life, in the order in which it happens.
class UploadSeed {
 public:
  explicit UploadSeed(std::uint64_t seed);
  ~UploadSeed() { leave_if_broken(); }
  SeedReport run();

 private:
  void draw_folder();
  void write(const std::string& path, std::string bytes);
  Result<LocalFiles> list() const;
  Result<UploadResult> upload();
  Task<void> upload_task(Scope& scope, std::optional<Result<UploadResult>>& result);
  void plan_trouble();
  void judge_first(const Result<UploadResult>& result);
  void judge_stop();
  void judge_second(const Result<UploadResult>& result);
  void check_at_rest();
  bool turn_until(const std::function<bool()>& finished, Duration limit);
  void problem(std::string text) { problems_.push_back(std::move(text)); }
  void leave_if_broken();

  const std::uint64_t seed_;
  Prng prng_;
  bool calm_;     // no faults at all: everything must work at once
  bool changes_;  // somebody rewrites a file meanwhile
  bool stops_;    // and somebody loses patience
  bool keeps_;    // a file that fails is left out
  std::size_t workers_;
  std::unique_ptr<SimWorld> world_;
  std::unique_ptr<SimHub> hub_;
  std::unique_ptr<SimResolver> resolver_;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<CountingReporter> reporter_;
  std::map<std::string, std::string> now_;                 // what the folder holds
  std::map<std::string, std::set<std::string>> versions_;  // and what it ever held
  Scope* running_ = nullptr;
  bool first_over_ = false;
  bool stopped_ = false;
  Time stopped_at_{};
  std::uint64_t turns_ = 0;
  std::vector<std::string> problems_;
  std::string outcome_;
  std::string error_;  // of the first upload, for a person
};

UploadSeed::UploadSeed(std::uint64_t seed)
    : seed_(seed),
      prng_(seed),
      calm_(prng_.chance(0.2)),
      changes_(!calm_ && prng_.chance(0.1)),
      stops_(!calm_ && prng_.chance(0.1)),
      keeps_(prng_.chance(0.2)),
      workers_(prng_.between(1, 3)) {
  SimKnobs knobs = calm_ ? SimKnobs::calm(prng_) : SimKnobs::swarm(prng_);
  SimHubKnobs hub_knobs = calm_ ? SimHubKnobs::calm(prng_) : SimHubKnobs::swarm(prng_);
  // The hub has a worker of its own, the last one.
  world_ = std::make_unique<SimWorld>(
      SimWorld::Options{.seed = prng_.next(), .workers = workers_ + 1, .knobs = knobs});
  hub_ = std::make_unique<SimHub>(*world_, workers_, hub_knobs);
  // The repo is made by one call that is not repeated, so most seeds let that pass.
  if (prng_.chance(0.8)) {
    Prng quiet(seed);
    world_->set_knobs(knobs.without_faults());
    hub_->set_knobs(SimHubKnobs::calm(quiet));
    hub_->on_repo([this, knobs, hub_knobs] {
      world_->set_knobs(knobs);
      hub_->set_knobs(hub_knobs);
    });
  }
  resolver_ = std::make_unique<SimResolver>(*hub_);
  std::size_t blocks = prng_.chance(0.6) ? 12 * workers_ : 64;
  arena_ = std::make_unique<Arena>(blocks * block_size_bytes);
  draw_folder();
}

void UploadSeed::write(const std::string& path, std::string bytes) {
  world_->files().write(folder + path, bytes);
  versions_[path].insert(bytes);
  now_[path] = std::move(bytes);
}

void UploadSeed::draw_folder() {
  constexpr std::array<std::size_t, 10> sizes = {0,       1,       100,       5'000,     50'000,
                                                 150'000, 262'144, 1'000'000, 1'700'000, 3'000'000};
  std::size_t count = prng_.between(1, files_max);
  std::string last;
  for (std::size_t i = 0; i < count; ++i) {
    bool text = prng_.chance(0.4);
    std::string bytes = prng_.chance(0.1) && !last.empty()
                            ? last
                            : random_bytes(prng_, sizes[prng_.below(sizes.size())]);
    if (text) bytes = fmt::format("text {} of seed {}\n", i, seed_);
    last = bytes;
    std::string name =
        fmt::format("{}file{}.{}", i % 3 == 2 ? "sub/" : "", i, text ? "txt" : "bin");
    write(name, std::move(bytes));
  }
}

Result<LocalFiles> UploadSeed::list() const {
  LocalFiles found;
  found.folder = true;
  for (const auto& [path, bytes] : now_) {
    FileRecord file;
    file.path = path;
    file.source = std::make_unique<FileSource>(folder + path);
    file.size = bytes.size();
    found.bytes += file.size;
    found.files.push_back(std::move(file));
  }
  return found;
}

Task<void> UploadSeed::upload_task(Scope& scope, std::optional<Result<UploadResult>>& result) {
  std::vector<Worker*> hands;
  for (std::size_t i = 0; i < workers_; ++i) hands.push_back(&world_->worker(i));
  Crew crew(std::move(hands), *resolver_, *arena_);
  UploadRequest request;
  request.endpoint = hub_->endpoint();
  request.token = "hf_simulated";
  request.repo = {RepoType::model, "me", "simulated"};
  request.local_paths = {folder};
  request.message = "from the simulation";
  request.keep_going = keeps_;
  if (seed_ % 5 == 0) request.commit_limits.operations_max = 3;
  HubUpload upload(crew, std::move(request), 0, *reporter_,
                   [this](const UploadRequest&, const std::atomic<bool>&) { return list(); });
  Result<UploadResult> ended = co_await upload.run(scope);
  result.emplace(std::move(ended));
}

bool UploadSeed::turn_until(const std::function<bool()>& finished, Duration limit) {
  Time end = world_->now() + limit;
  while (!finished()) {
    if (world_->now() > end || ++turns_ > turns_max || !world_->turn()) return false;
  }
  return true;
}

Result<UploadResult> UploadSeed::upload() {
  reporter_ = std::make_unique<CountingReporter>();
  std::optional<Result<UploadResult>> result;
  auto scope = std::make_unique<Scope>(world_->worker(0));
  running_ = scope.get();
  scope->spawn(upload_task(*scope, result));
  bool ended = turn_until([&] { return scope->children() == 0; }, run_limit);
  running_ = nullptr;
  if (!ended) {
    problem("the upload did not come to its end");
    (void)scope.release();
    return fail(make_error(ErrorClass::fail, "hangs", "it hangs"));
  }
  return std::move(*result);
}

void UploadSeed::plan_trouble() {
  if (changes_) {
    auto chosen = now_.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(prng_.below(now_.size())));
    std::string path = chosen->first;
    std::size_t size = chosen->second.size() + (prng_.chance(0.5) ? 0 : 10);
    world_->after(Duration(prng_.below(2'000'000'000)), [this, path, size] {
      if (!first_over_) write(path, random_bytes(prng_, size));
    });
  }
  if (stops_) {
    world_->after(Duration(prng_.below(20'000'000'000)), [this] {
      if (!running_ || first_over_) return;
      stopped_ = true;
      stopped_at_ = world_->now();
      running_->cancel();
    });
  }
}

void UploadSeed::judge_first(const Result<UploadResult>& result) {
  std::map<std::string, std::string> stored = hub_->files(repo_name);
  if (result) {
    for (const auto& [path, versions] : versions_) {
      auto found = stored.find(path);
      if (found == stored.end() && left_out(*result, path)) continue;
      if (found == stored.end()) {
        problem(fmt::format("the upload worked and {} is not in the repo", path));
      } else if (!versions.contains(found->second)) {
        problem(fmt::format("the repo holds bytes of {} that the file never had", path));
      }
    }
  } else if (calm_) {
    problem(fmt::format("nothing went wrong and the upload failed:\n{}", describe(result.error())));
  } else if (result.error().code.empty() || result.error().message.empty()) {
    problem("an error that says nothing");
  } else if (!stopped_ && result.error().kind == ErrorClass::cancelled) {
    problem(fmt::format("nobody stopped it, and the error:\n{}", describe(result.error())));
  }
  if (stopped_) judge_stop();
  std::uint64_t confirmed = reporter_->counters.bytes_confirmed;
  if (!hub_->renegotiated() && confirmed > hub_->bytes_confirmed()) {
    problem(fmt::format("{} bytes were confirmed, and the hub confirmed {}: some twice", confirmed,
                        hub_->bytes_confirmed()));
  }
  outcome_ = result ? "worked" : result.error().code;
  if (!result) error_ = describe(result.error());
}

// A stop takes effect at once, but for what the machine itself takes.
void UploadSeed::judge_stop() {
  const SimKnobs& knobs = world_->knobs();
  bool quick = knobs.slow == 0 && knobs.worker_pause == 0 && knobs.release_late == 0 &&
               knobs.delay_max < 1ms;
  Duration most = quick ? Duration(1s) : Duration(60s);
  Duration took = world_->now() - stopped_at_;
  if (took > most) problem(fmt::format("it stopped {:.3f} s after it was told", seconds_of(took)));
}

void UploadSeed::judge_second(const Result<UploadResult>& result) {
  if (!result) {
    problem(
        fmt::format("all faults were over and the upload failed:\n{}", describe(result.error())));
    return;
  }
  if (!result->failures.empty()) {
    problem(fmt::format("all faults were over and a file failed:\n{}",
                        describe(result->failures.front())));
  }
  std::map<std::string, std::string> stored = hub_->files(repo_name);
  for (const auto& [path, bytes] : now_) {
    auto found = stored.find(path);
    if (found == stored.end() || found->second != bytes) {
      problem(fmt::format("after the second upload {} is not what the folder holds", path));
    }
  }
  if (outcome_ == "worked" && !changes_ && !keeps_ && !result->commits.empty()) {
    problem("a second upload of the same folder made a commit");
  }
}

void UploadSeed::check_at_rest() {
  hub_->stop();
  auto idle = [this] {
    if (!hub_->stopped()) return false;
    for (std::size_t i = 0; i < world_->size(); ++i) {
      if (!world_->worker(i).idle()) return false;
    }
    return true;
  };
  if (!turn_until(idle, run_limit)) {
    problem(fmt::format("something is still running{}", hub_->stopped() ? "" : ", the hub too"));
    for (std::size_t i = 0; i < world_->size(); ++i) {
      if (world_->worker(i).idle()) continue;
      problem(fmt::format("worker {} waits: {}", i, world_->describe(i)));
    }
  }
  if (arena_->blocks_reserved() != 0) {
    problem(fmt::format("{} blocks or tickets are out", arena_->blocks_reserved()));
  }
  if (arena_->blocks_reserved_peak() > arena_->blocks_total()) problem("over the memory budget");
  if (world_->files().open_count() != 0) {
    problem(fmt::format("{} files or sockets are open", world_->files().open_count()));
  }
}

// What is broken can't be taken down in order: whoever asked looks at the report and ends.
void UploadSeed::leave_if_broken() {
  if (problems_.empty()) return;
  (void)world_.release();
  (void)hub_.release();
  (void)resolver_.release();
  (void)arena_.release();
}

SeedReport UploadSeed::run() {
  SeedReport report;
  plan_trouble();
  Result<UploadResult> first = upload();
  first_over_ = true;
  judge_first(first);
  if (problems_.empty()) {
    Prng quiet(seed_ + 1);
    world_->set_knobs(SimKnobs());
    hub_->set_knobs(SimHubKnobs::calm(quiet));
    hub_->on_repo(nullptr);
    judge_second(upload());
  }
  if (problems_.empty()) check_at_rest();
  for (const std::string& violation : world_->violations()) problem(violation);
  report.problems = problems_;
  report.first_worked = outcome_ == "worked";
  report.trace = world_->trace();
  report.summary = fmt::format(
      "{} workers, {} files, {} blocks; {}{}{}{}: {}; {} resets, {} stalls, {} faults of the hub, "
      "{:.0f} s of its time, {} turns",
      workers_, now_.size(), arena_->blocks_total(), calm_ ? "calm" : "rough",
      changes_ ? ", a file changes" : "", stops_ ? ", stopped" : "", keeps_ ? ", keeps going" : "",
      outcome_, world_->network().resets(), world_->network().stalls(), hub_->faults(),
      seconds_of(world_->now().time_since_epoch()), turns_);
  if (!error_.empty()) report.summary += "\n" + error_;
  return report;
}

}  // namespace

SeedReport run_upload_seed(std::uint64_t seed) { return UploadSeed(seed).run(); }

}  // namespace headrace
