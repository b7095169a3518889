#include "tests/sim/copy_sim.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/crew.h"
#include "engine/engine.h"
#include "tests/sim/sim_folder.h"
#include "tests/sim/sim_store.h"

namespace headrace {
namespace {

constexpr Duration copy_limit = std::chrono::hours(48);
constexpr std::uint64_t copy_turns_max = 20'000'000;
constexpr std::size_t least_part = 5 << 20;

std::string random_content(Prng& prng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(prng.next());
  return bytes;
}

class CopySeed {
 public:
  explicit CopySeed(std::uint64_t seed);
  ~CopySeed() { leave_if_broken(); }
  SeedReport run();

 private:
  void draw_folder();
  void plan_trouble();
  CopyRequest request() const;
  Result<UploadResult> copy();
  void judge_first(const Result<UploadResult>& result);
  void judge_objects();
  void judge_left();
  void judge_stop();
  void judge_second(const Result<UploadResult>& result);
  void check_at_rest();
  bool turn_until(const std::function<bool()>& finished, Duration limit);
  void problem(std::string text) { problems_.push_back(std::move(text)); }
  void leave_if_broken();

  const std::uint64_t seed_;
  Prng prng_;
  bool calm_;
  bool changes_;
  bool stops_;
  bool keeps_;
  bool skips_;
  std::size_t workers_;
  std::unique_ptr<SimWorld> world_;
  std::unique_ptr<SimStore> store_;
  SystemResolver resolver_;  // which is asked for a number alone
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<SimFolder> folder_;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<Job> job_;  // of the last copy
  std::vector<std::string> warnings_;
  bool first_over_ = false;
  bool stopped_ = false;
  Time stopped_at_{};
  std::uint64_t turns_ = 0;
  std::vector<std::string> problems_;
  std::string outcome_;
  std::string error_;
};

CopySeed::CopySeed(std::uint64_t seed)
    : seed_(seed),
      prng_(seed),
      calm_(prng_.chance(0.2)),
      changes_(!calm_ && prng_.chance(0.1)),
      stops_(!calm_ && prng_.chance(0.2)),
      keeps_(prng_.chance(0.2)),
      skips_(prng_.chance(0.3)),
      workers_(prng_.between(1, 3)) {
  SimKnobs knobs = calm_ ? SimKnobs::calm(prng_) : SimKnobs::swarm(prng_);
  SimStoreKnobs faults = calm_ ? SimStoreKnobs::calm(prng_) : SimStoreKnobs::swarm(prng_);
  // The store has a worker of its own, the last one.
  world_ = std::make_unique<SimWorld>(
      SimWorld::Options{.seed = prng_.next(), .workers = workers_ + 1, .knobs = knobs});
  store_ = std::make_unique<SimStore>(*world_, workers_, faults);
  std::size_t blocks = prng_.chance(0.6) ? 12 * workers_ : 64;
  arena_ = std::make_unique<Arena>(blocks * block_size_bytes);
  folder_ = std::make_unique<SimFolder>(world_->files());
  draw_folder();
}

// Two of three seeds have an object in parts, whose least size makes it expensive.
void CopySeed::draw_folder() {
  constexpr std::array<std::size_t, 7> sizes = {0, 1, 5'000, 262'144, 524'288, 524'289, 1'700'000};
  constexpr std::array<std::size_t, 3> large = {least_part + 1, 2 * least_part,
                                                2 * least_part + 99};
  std::size_t count = prng_.between(1, 6);
  for (std::size_t i = 0; i < count; ++i) {
    folder_->write(fmt::format("{}file{}.bin", i % 3 == 2 ? "sub/" : "", i),
                   random_content(prng_, sizes[prng_.below(sizes.size())]));
  }
  if (prng_.chance(0.66)) {
    folder_->write("large file", random_content(prng_, large[prng_.below(large.size())]));
  }
}

CopyRequest CopySeed::request() const {
  CopyRequest request;
  request.account.settings.region = "us-east-1";
  request.account.settings.endpoint_url = store_->endpoint();
  request.account.credentials =
      S3Credentials{.access_key_id = "AKID", .secret_access_key = "of the simulation"};
  request.sources = {folder_->path()};
  request.bucket = "simulated";
  request.part_size = least_part;
  request.keep_going = keeps_;
  request.skip_same = skips_;
  return request;
}

void CopySeed::plan_trouble() {
  if (changes_) {
    std::string name = folder_->now().begin()->first;
    std::size_t size = folder_->now().begin()->second.size() + (prng_.chance(0.5) ? 0 : 10);
    world_->after(Duration(prng_.below(2'000'000'000)), [this, name, size] {
      if (!first_over_) folder_->write(name, random_content(prng_, size));
    });
  }
  if (!stops_) return;
  world_->after(Duration(prng_.below(20'000'000'000)), [this] {
    if (!engine_ || first_over_ || job_->ended()) return;
    stopped_ = true;
    stopped_at_ = world_->now();
    job_->cancel();
  });
}

bool CopySeed::turn_until(const std::function<bool()>& finished, Duration limit) {
  Time end = world_->now() + limit;
  while (!finished()) {
    if (world_->now() > end || ++turns_ > copy_turns_max || !world_->turn()) return false;
  }
  return true;
}

Result<UploadResult> CopySeed::copy() {
  std::vector<Worker*> hands;
  for (std::size_t i = 0; i < workers_; ++i) hands.push_back(&world_->worker(i));
  engine_ = Engine::over(std::make_unique<Crew>(std::move(hands), resolver_, *arena_));
  job_ = engine_->start(request());
  if (!turn_until([&] { return job_->ended(); }, copy_limit)) {
    problem("the copy did not come to its end");
    (void)engine_.release();
    return fail(make_error(ErrorClass::fail, "hangs", "it hangs"));
  }
  Result<UploadResult> result = job_->wait();
  while (std::optional<Event> event = job_->next_event(std::chrono::milliseconds(0))) {
    const Note* note = std::get_if<Note>(&*event);
    if (note && note->level == NoteLevel::warning) warnings_.push_back(note->text);
  }
  engine_.reset();
  return result;
}

void CopySeed::judge_first(const Result<UploadResult>& result) {
  if (result) {
    for (const auto& [path, versions] : folder_->versions()) {
      bool left_out = std::ranges::any_of(
          result->failures, [&](const Error& error) { return error.path.ends_with(path); });
      if (!left_out && !store_->objects().contains(path)) {
        problem(fmt::format("the copy worked and {} is not in the store", path));
      }
    }
  } else if (calm_) {
    problem(fmt::format("nothing went wrong and the copy failed:\n{}", describe(result.error())));
  } else if (result.error().code.empty() || result.error().message.empty() ||
             result.error().hint.empty()) {
    problem("an error that says nothing, or not what to do: " + describe(result.error()));
  } else if (!stopped_ && result.error().kind == ErrorClass::cancelled) {
    problem(fmt::format("nobody stopped it, and the error:\n{}", describe(result.error())));
  }
  if (stopped_) judge_stop();
  judge_objects();
  judge_left();
  outcome_ = result ? "worked" : result.error().code;
  if (!result) error_ = describe(result.error());
}

// An object is whole or not there, whatever became of the copy.
void CopySeed::judge_objects() {
  for (const auto& [key, bytes] : store_->objects()) {
    auto versions = folder_->versions().find(key);
    if (versions == folder_->versions().end()) {
      problem(fmt::format("{} is in the store and never was in the folder", key));
    } else if (!versions->second.contains(bytes)) {
      problem(fmt::format("the store holds bytes of {} that the file never had", key));
    }
  }
}

void CopySeed::judge_left() {
  for (const std::string& key : store_->left()) {
    bool told = std::ranges::any_of(warnings_, [&](const std::string& text) {
      return text.contains("s3 abort") && text.contains(key);
    });
    if (!told) problem(fmt::format("an upload of {} is left, and nobody was told", key));
  }
}

// Aborting may take 600 ms more than a stop elsewhere.
void CopySeed::judge_stop() {
  const SimKnobs& knobs = world_->knobs();
  bool quick = knobs.slow == 0 && knobs.worker_pause == 0 && knobs.release_late == 0 &&
               knobs.delay_max < 1ms;
  Duration most = quick ? Duration(1600ms) : Duration(60s);
  Duration took = world_->now() - stopped_at_;
  if (took > most) problem(fmt::format("it stopped {:.3f} s after it was told", seconds_of(took)));
}

void CopySeed::judge_second(const Result<UploadResult>& result) {
  if (!result) {
    problem(fmt::format("all faults were over and the copy failed:\n{}", describe(result.error())));
    return;
  }
  if (!result->failures.empty()) {
    problem(fmt::format("all faults were over and a file failed:\n{}",
                        describe(result->failures.front())));
  }
  for (const auto& [path, bytes] : folder_->now()) {
    auto found = store_->objects().find(path);
    if (found == store_->objects().end() || found->second != bytes) {
      problem(fmt::format("after the second copy {} is not what the folder holds", path));
    }
  }
  judge_objects();
  judge_left();
}

void CopySeed::check_at_rest() {
  store_->stop();
  auto idle = [this] {
    if (!store_->stopped()) return false;
    for (std::size_t i = 0; i < world_->size(); ++i) {
      if (!world_->worker(i).idle()) return false;
    }
    return true;
  };
  if (!turn_until(idle, copy_limit)) {
    problem("something is still running");
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
void CopySeed::leave_if_broken() {
  if (problems_.empty()) return;
  (void)world_.release();
  (void)store_.release();
  (void)arena_.release();
  (void)engine_.release();
}

SeedReport CopySeed::run() {
  SeedReport report;
  plan_trouble();
  Result<UploadResult> first = copy();
  first_over_ = true;
  judge_first(first);
  if (problems_.empty()) {
    Prng quiet(seed_ + 1);
    world_->set_knobs(SimKnobs());
    store_->set_knobs(SimStoreKnobs::calm(quiet));
    judge_second(copy());
  }
  if (problems_.empty()) check_at_rest();
  for (const std::string& violation : world_->violations()) problem(violation);
  report.problems = problems_;
  report.first_worked = outcome_ == "worked";
  report.trace = world_->trace();
  report.summary = fmt::format(
      "{} workers, {} files, {} blocks; {}{}{}{}{}: {}; {} resets, {} stalls, {} faults of the "
      "store, {} uploads left, {:.0f} s of its time, {} turns",
      workers_, folder_->now().size(), arena_->blocks_total(), calm_ ? "calm" : "rough",
      changes_ ? ", a file changes" : "", stops_ ? ", stopped" : "", keeps_ ? ", keeps going" : "",
      skips_ ? ", skips what is there" : "", outcome_, world_->network().resets(),
      world_->network().stalls(), store_->faults(), store_->left().size(),
      seconds_of(world_->now().time_since_epoch()), turns_);
  if (!error_.empty()) report.summary += "\n" + error_;
  return report;
}

}  // namespace

SeedReport run_copy_seed(std::uint64_t seed) { return CopySeed(seed).run(); }

}  // namespace headrace
