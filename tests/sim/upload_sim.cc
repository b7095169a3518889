#include "tests/sim/upload_sim.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/sim/sim_hub.h"
#include "tests/sim/sim_wish.h"

namespace headrace {
namespace {

constexpr std::size_t files_max = 12;
constexpr char repo_name[] = "me/simulated";

bool left_out(const UploadResult& result, const std::string& path) {
  return std::ranges::any_of(result.failures,
                             [&](const Error& error) { return error.path.ends_with(path); });
}

class UploadSeed final : public SeedRun {
 public:
  explicit UploadSeed(std::uint64_t seed);
  ~UploadSeed() override {
    if (!broken()) return;
    (void)hub_.release();
    (void)resolver_.release();
  }

 private:
  void draw_folder();
  void draw_special_files();
  UploadRequest request() const;
  void judge_events(const Result<UploadResult>& result);
  void judge_place(const UploadResult& result, const SimTree& stored);

  Result<UploadResult> perform() override;
  void plan_change() override;
  void judge_first(const Result<UploadResult>& result) override;
  void judge_second(const Result<UploadResult>& result) override;
  void end_faults(Prng& quiet) override;
  void stop_other_side() override { hub_->stop(); }
  bool other_side_stopped() const override { return hub_->stopped(); }
  std::string described() const override;
  std::string counted() const override {
    return fmt::format("{} faults of the hub", hub_->faults());
  }

  std::unique_ptr<SimHub> hub_;
  std::unique_ptr<SimResolver> resolver_;
  SimWish wish_;
  std::string ignored_;  // a file that the hub does not want
  std::string removed_;  // one that is gone before all was read
};

UploadSeed::UploadSeed(std::uint64_t seed) : SeedRun(seed, 0.1) {
  SimKnobs knobs = calm_ ? SimKnobs::calm(prng_) : SimKnobs::swarm(prng_);
  SimHubKnobs hub_knobs = calm_ ? SimHubKnobs::calm(prng_) : SimHubKnobs::swarm(prng_);
  make_world(knobs);
  hub_ = std::make_unique<SimHub>(*world_, workers(), hub_knobs);
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
  make_memory();
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
    std::string bytes =
        prng_.chance(0.1) && !last.empty() ? last : drawn_bytes(sizes[prng_.below(sizes.size())]);
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
  folder_->write(ignored_, drawn_bytes(1000));
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

Result<UploadResult> UploadSeed::perform() {
  Result<UploadResult> result = SeedRun::perform(*resolver_, request());
  judge_events(result);
  return result;
}

// What the front door told on the way agrees with how it ended.
void UploadSeed::judge_events(const Result<UploadResult>& result) {
  std::size_t scans = 0;
  std::size_t commits = 0;
  for (const Event& event : events()) {
    scans += std::holds_alternative<ScanFinished>(event);
    commits += std::holds_alternative<CommitLanded>(event);
    if (std::holds_alternative<Progress>(event)) problem("an ended job tells of progress");
  }
  if (!result) return;
  if (scans != 1) problem(fmt::format("the end of the walk was told {} times", scans));
  if (commits != result->commits.size())
    problem(fmt::format("{} commits were told, {} made", commits, result->commits.size()));
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
    if (!vanishes) return folder_->write(name, drawn_bytes(size));
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
  }
  judge_error(result);
  judge_stop(1s);
  hub_->files(repo_name, "main");
  hub_->check_pull_requests(repo_name);
  std::uint64_t confirmed = job().counters.bytes_confirmed;
  if (!hub_->renegotiated() && confirmed > hub_->bytes_confirmed()) {
    problem(fmt::format("{} bytes were confirmed, and the hub confirmed {}: some twice", confirmed,
                        hub_->bytes_confirmed()));
  }
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

void UploadSeed::judge_second(const Result<UploadResult>& result) {
  if (!judge_success(result)) return;
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

void UploadSeed::end_faults(Prng& quiet) {
  hub_->set_knobs(SimHubKnobs::calm(quiet));
  hub_->on_repo(nullptr);
}

std::string UploadSeed::described() const {
  return fmt::format("{}{}{}", wish_.create_pr ? ", to a PR" : "",
                     wish_.revision ? ", to a branch" : "", wish_.deletes ? ", deleting" : "");
}

}  // namespace

SeedReport run_upload_seed(std::uint64_t seed) { return UploadSeed(seed).run(); }

}  // namespace headrace
