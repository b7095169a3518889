#include "tests/sim/upload_sim.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/crew.h"
#include "engine/engine.h"
#include "tests/sim/sim_folder.h"
#include "tests/sim/sim_hub.h"
#include "tests/sim/sim_wish.h"

namespace headrace {
namespace {

constexpr Duration run_limit = std::chrono::hours(48);
constexpr std::uint64_t turns_max = 20'000'000;
constexpr std::size_t files_max = 12;
constexpr char repo_name[] = "me/simulated";

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
  void draw_special_files();
  UploadRequest request() const;
  Result<UploadResult> upload();
  void judge_events(const Result<UploadResult>& result);
  void plan_trouble();
  void plan_change();
  void judge_place(const UploadResult& result, const SimTree& stored);
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
  bool changes_;  // somebody rewrites or removes a file meanwhile
  bool stops_;    // and somebody loses patience
  bool keeps_;    // a file that fails is left out
  std::size_t workers_;
  std::unique_ptr<SimWorld> world_;
  std::unique_ptr<SimHub> hub_;
  std::unique_ptr<SimResolver> resolver_;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<SimFolder> folder_;
  SimWish wish_;
  std::string ignored_;  // a file that the hub does not want
  std::string removed_;  // one that is gone before all was read
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<Job> job_;  // of the last upload
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
  folder_ = std::make_unique<SimFolder>(world_->files());
  wish_ = SimWish::draw(prng_);
  draw_folder();
  draw_special_files();
  if (!wish_.before.empty()) hub_->make_repo("simulated", wish_.before);
}

void UploadSeed::draw_folder() {
  constexpr std::array<std::size_t, 10> sizes = {0,       1,       100,       5'000,     50'000,
                                                 150'000, 262'144, 1'000'000, 1'700'000, 3'000'000};
  constexpr std::array<const char*, 4> folders = {"", "", "sub/", "old/"};
  std::size_t count = prng_.between(1, files_max);
  std::string last;
  for (std::size_t i = 0; i < count; ++i) {
    bool text = prng_.chance(0.4);
    std::string bytes = prng_.chance(0.1) && !last.empty()
                            ? last
                            : random_bytes(prng_, sizes[prng_.below(sizes.size())]);
    if (text) bytes = fmt::format("text {} of seed {}\n", i, seed_);
    last = bytes;
    std::string name = fmt::format("{}file{}.{}", folders[i % 4], i, text ? "txt" : "bin");
    if (text && prng_.chance(0.3)) wish_.has_already(name, bytes);
    folder_->write(name, std::move(bytes));
  }
}

// What the hub reads before it is sent.
void UploadSeed::draw_special_files() {
  if (prng_.chance(0.2)) folder_->write("README.md", "---\nlicense: mit\n---\n# A model\n");
  if (!wish_.into.empty() || !prng_.chance(0.15)) return;
  ignored_ = "noise.log";
  folder_->write(".gitignore", "*.log\n");
  folder_->write(ignored_, random_bytes(prng_, 1000));
}

UploadRequest UploadSeed::request() const {
  UploadRequest request;
  request.endpoint = hub_->endpoint();
  request.token = "hf_simulated";
  request.repo = {RepoType::model, "me", "simulated"};
  request.local_paths = {folder_->path()};
  request.message = "from the simulation";
  request.keep_going = keeps_;
  if (seed_ % 5 == 0) request.commit_limits.operations_max = 3;
  wish_.put_into(request);
  return request;
}

bool UploadSeed::turn_until(const std::function<bool()>& finished, Duration limit) {
  Time end = world_->now() + limit;
  while (!finished()) {
    if (world_->now() > end || ++turns_ > turns_max || !world_->turn()) return false;
  }
  return true;
}

Result<UploadResult> UploadSeed::upload() {
  std::vector<Worker*> hands;
  for (std::size_t i = 0; i < workers_; ++i) hands.push_back(&world_->worker(i));
  engine_ = Engine::over(std::make_unique<Crew>(std::move(hands), *resolver_, *arena_));
  job_ = engine_->start(request());
  bool ended = turn_until([&] { return job_->ended(); }, run_limit);
  if (!ended) {
    problem("the upload did not come to its end");
    (void)engine_.release();
    return fail(make_error(ErrorClass::fail, "hangs", "it hangs"));
  }
  Result<UploadResult> result = job_->wait();
  judge_events(result);
  engine_.reset();
  return result;
}

// What the front door told on the way agrees with how it ended.
void UploadSeed::judge_events(const Result<UploadResult>& result) {
  std::size_t scans = 0;
  std::size_t commits = 0;
  while (std::optional<Event> event = job_->next_event(std::chrono::milliseconds(0))) {
    scans += std::holds_alternative<ScanFinished>(*event);
    commits += std::holds_alternative<CommitLanded>(*event);
    if (std::holds_alternative<Progress>(*event)) problem("an ended job tells of progress");
  }
  if (!result) return;
  if (scans != 1) problem(fmt::format("the end of the walk was told {} times", scans));
  if (commits != result->commits.size())
    problem(fmt::format("{} commits were told, {} made", commits, result->commits.size()));
}

void UploadSeed::plan_trouble() {
  if (changes_) plan_change();
  if (!stops_) return;
  world_->after(Duration(prng_.below(20'000'000'000)), [this] {
    if (!engine_ || first_over_ || job_->ended()) return;
    stopped_ = true;
    stopped_at_ = world_->now();
    job_->cancel();
  });
}

void UploadSeed::plan_change() {
  std::vector<std::string> names;
  for (const auto& [name, bytes] : folder_->now()) {
    if (name.contains("file")) names.push_back(name);
  }
  std::string name = names[prng_.below(names.size())];
  std::size_t size = folder_->now().at(name).size() + (prng_.chance(0.5) ? 0 : 10);
  bool vanishes = prng_.chance(0.25);
  world_->after(Duration(prng_.below(2'000'000'000)), [this, name, size, vanishes] {
    if (first_over_) return;
    if (!vanishes) return folder_->write(name, random_bytes(prng_, size));
    removed_ = name;
    folder_->remove(name);
  });
}

void UploadSeed::judge_first(const Result<UploadResult>& result) {
  if (result) {
    SimTree stored = hub_->files(repo_name, wish_.revision_of(*result));
    judge_place(*result, stored);
    for (const auto& [path, versions] : folder_->versions()) {
      auto found = stored.find(wish_.into + path);
      if (found == stored.end() && (path == ignored_ || path == removed_)) continue;
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
  } else if (result.error().hint.empty()) {
    problem("an error that says nothing of what to do: " + result.error().code);
  } else if (!stopped_ && result.error().kind == ErrorClass::cancelled) {
    problem(fmt::format("nobody stopped it, and the error:\n{}", describe(result.error())));
  }
  if (stopped_) judge_stop();
  hub_->files(repo_name, "main");
  hub_->check_pull_requests(repo_name);
  std::uint64_t confirmed = job_->counters.bytes_confirmed;
  if (!hub_->renegotiated() && confirmed > hub_->bytes_confirmed()) {
    problem(fmt::format("{} bytes were confirmed, and the hub confirmed {}: some twice", confirmed,
                        hub_->bytes_confirmed()));
  }
  outcome_ = result ? "worked" : result.error().code;
  if (!result) error_ = describe(result.error());
}

void UploadSeed::judge_place(const UploadResult& result, const SimTree& stored) {
  SimTree folder;
  for (const auto& [name, versions] : folder_->versions()) folder[name] = *versions.begin();
  for (std::string& each : wish_.judge(stored, folder)) problem(std::move(each));
  if (!ignored_.empty() && stored.contains(ignored_)) problem("an ignored file is in the repo");
  if (wish_.create_pr && !result.commits.empty() && result.pull_request_url.empty())
    problem("a pull request was asked for, and commits were made without one");
  if (wish_.create_pr || wish_.revision) {
    SimTree main = hub_->files(repo_name, "main");
    main.erase(".gitattributes");
    if (main != wish_.before) problem("main was to stay as it was");
  }
  std::string revision = percent_encode(wish_.revision_of(result));
  if (!result.url.contains("/me/simulated/tree/" + revision))
    problem(fmt::format("the URL is {}, of another revision than {}", result.url, revision));
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
  SimTree stored = hub_->files(repo_name, wish_.revision_of(*result));
  judge_place(*result, stored);
  for (const auto& [path, bytes] : folder_->now()) {
    if (path == ignored_) continue;
    auto found = stored.find(wish_.into + path);
    if (found == stored.end() || found->second != bytes) {
      problem(fmt::format("after the second upload {} is not what the folder holds", path));
    }
  }
  bool proposed_again = wish_.create_pr && !result->pull_request_url.empty();
  if (outcome_ == "worked" && !changes_ && !keeps_ && !proposed_again && !result->commits.empty()) {
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
  (void)engine_.release();
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
      "{} workers, {} files, {} blocks{}{}{}; {}{}{}{}: {}; {} resets, {} stalls, {} faults of the "
      "hub, {:.0f} s of its time, {} turns",
      workers_, folder_->now().size(), arena_->blocks_total(), wish_.create_pr ? ", to a PR" : "",
      wish_.revision ? ", to a branch" : "", wish_.deletes ? ", deleting" : "",
      calm_ ? "calm" : "rough", changes_ ? ", a file changes" : "", stops_ ? ", stopped" : "",
      keeps_ ? ", keeps going" : "", outcome_, world_->network().resets(),
      world_->network().stalls(), hub_->faults(), seconds_of(world_->now().time_since_epoch()),
      turns_);
  if (!error_.empty()) report.summary += "\n" + error_;
  return report;
}

}  // namespace

SeedReport run_upload_seed(std::uint64_t seed) { return UploadSeed(seed).run(); }

}  // namespace headrace
