#include "tests/sim/seed_run.h"

#include <fmt/format.h>

#include "engine/crew.h"

namespace headrace {
namespace {

constexpr Duration job_limit = std::chrono::hours(48);
constexpr std::uint64_t turns_max = 20'000'000;

}  // namespace

SeedRun::SeedRun(std::uint64_t seed, double stop_chance)
    : seed_(seed),
      prng_(seed),
      calm_(prng_.chance(0.2)),
      changes_(!calm_ && prng_.chance(0.1)),
      stops_(!calm_ && prng_.chance(stop_chance)),
      keeps_(prng_.chance(0.2)),
      workers_(prng_.between(1, 3)) {}

SeedRun::~SeedRun() {
  if (!broken()) return;
  (void)world_.release();
  (void)arena_.release();
  (void)engine_.release();
}

void SeedRun::make_world(const SimKnobs& knobs) {
  world_ = std::make_unique<SimWorld>(
      SimWorld::Options{.seed = prng_.next(), .workers = workers_ + 1, .knobs = knobs});
}

void SeedRun::make_memory() {
  std::size_t blocks = prng_.chance(0.6) ? 12 * workers_ : 64;
  arena_ = std::make_unique<Arena>(blocks * block_size_bytes);
  folder_ = std::make_unique<SimFolder>(world_->files());
}

std::string SeedRun::drawn_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(prng_.next());
  return bytes;
}

void SeedRun::open_engine(Resolver& resolver) {
  std::vector<Worker*> hands;
  for (std::size_t i = 0; i < workers_; ++i) hands.push_back(&world_->worker(i));
  engine_ = Engine::over(std::make_unique<Crew>(std::move(hands), resolver, *arena_));
}

Result<UploadResult> SeedRun::wait_for_job() {
  if (!turn_until([&] { return job_->ended(); })) {
    problem("the job did not come to its end");
    (void)engine_.release();
    return fail(make_error(ErrorClass::fail, "hangs", "it hangs"));
  }
  Result<UploadResult> result = job_->wait();
  events_.clear();
  while (std::optional<Event> event = job_->next_event(std::chrono::milliseconds(0))) {
    events_.push_back(std::move(*event));
  }
  engine_.reset();
  return result;
}

bool SeedRun::turn_until(const std::function<bool()>& finished) {
  Time end = world_->now() + job_limit;
  while (!finished()) {
    if (world_->now() > end || ++turns_ > turns_max || !world_->turn()) return false;
  }
  return true;
}

void SeedRun::plan_stop() {
  world_->after(Duration(prng_.below(20'000'000'000)), [this] {
    if (!engine_ || first_over_ || job_->ended()) return;
    stopped_ = true;
    stopped_at_ = world_->now();
    job_->cancel();
  });
}

void SeedRun::judge_error(const Result<UploadResult>& result) {
  if (result) return;
  const Error& error = result.error();
  if (calm_) {
    problem(fmt::format("nothing went wrong and the job failed:\n{}", describe(error)));
  } else if (error.code.empty() || error.message.empty()) {
    problem("an error that says nothing");
  } else if (error.hint.empty()) {
    problem("an error that says nothing of what to do: " + error.code);
  } else if (!stopped_ && error.kind == ErrorClass::cancelled) {
    problem(fmt::format("nobody stopped it, and the error:\n{}", describe(error)));
  }
}

bool SeedRun::judge_success(const Result<UploadResult>& result) {
  if (!result) {
    problem(fmt::format("all faults were over and the job failed:\n{}", describe(result.error())));
    return false;
  }
  if (!result->failures.empty()) {
    problem(fmt::format("all faults were over and a file failed:\n{}",
                        describe(result->failures.front())));
  }
  return true;
}

void SeedRun::judge_stop(Duration most) {
  if (!stopped_) return;
  const SimKnobs& knobs = world_->knobs();
  bool quick = knobs.slow == 0 && knobs.worker_pause == 0 && knobs.release_late == 0 &&
               knobs.delay_max < 1ms;
  Duration took = world_->now() - stopped_at_;
  if (took > (quick ? most : Duration(60s))) {
    problem(fmt::format("it stopped {:.3f} s after it was told", seconds_of(took)));
  }
}

void SeedRun::check_at_rest() {
  stop_other_side();
  auto idle = [this] {
    if (!other_side_stopped()) return false;
    for (std::size_t i = 0; i < world_->size(); ++i) {
      if (!world_->worker(i).idle()) return false;
    }
    return true;
  };
  if (!turn_until(idle)) {
    problem(fmt::format("something is still running{}",
                        other_side_stopped() ? "" : ", the other side too"));
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

SeedReport SeedRun::run() {
  if (changes_) plan_change();
  if (stops_) plan_stop();
  Result<UploadResult> first = perform();
  first_over_ = true;
  outcome_ = first ? "worked" : first.error().code;
  judge_first(first);
  if (!broken()) {
    Prng quiet(seed_ + 1);
    world_->set_knobs(SimKnobs());
    end_faults(quiet);
    judge_second(perform());
  }
  if (!broken()) check_at_rest();
  for (const std::string& violation : world_->violations()) problem(violation);
  SeedReport report;
  report.problems = problems_;
  report.first_worked = first.has_value();
  report.trace = world_->trace();
  report.summary = fmt::format(
      "{} workers, {} files, {} blocks; {}{}{}{}{}: {}; {} resets, {} stalls, {}, {:.0f} s of its "
      "time, {} turns",
      workers_, folder_->now().size(), arena_->blocks_total(), calm_ ? "calm" : "rough",
      changes_ ? ", a file changes" : "", stops_ ? ", stopped" : "", keeps_ ? ", keeps going" : "",
      described(), outcome_, world_->network().resets(), world_->network().stalls(), counted(),
      seconds_of(world_->now().time_since_epoch()), turns_);
  if (!first) report.summary += "\n" + describe(first.error());
  return report;
}

}  // namespace headrace
