#include "tests/sim/sim_world.h"

#include <algorithm>

#include <fmt/format.h>

#include "tests/sim/sim_backend.h"

namespace headrace {
namespace {

// 2026-01-01; the simulated wall clock starts here.
constexpr std::int64_t wall_origin_seconds = 1'767'225'600;
// What a step of a worker costs, at most: time passes for computing too.
constexpr std::uint64_t step_cost_max_ns = 5'000;

}  // namespace

class SimWorld::Jobs final : public Blocking {
 public:
  explicit Jobs(SimWorld& world) : world_(world) {}
  void run(Callback job) override {
    std::uint64_t most = static_cast<std::uint64_t>(world_.knobs_.job_delay_max.count());
    world_.after(Duration(world_.prng_.between(0, most)), std::move(job));
  }

 private:
  SimWorld& world_;
};

SimWorld::SimWorld(const Options& options)
    : knobs_(options.knobs),
      prng_(options.seed),
      now_(Duration(1s)),
      files_(*this),
      network_(*this),
      blocking_(std::make_unique<Jobs>(*this)) {
  for (std::size_t index = 0; index < options.workers; ++index) {
    auto backend = std::make_unique<SimBackend>(*this, index);
    auto worker = std::make_unique<Worker>(*backend, *blocking_, prng_.next(), index);
    workers_.push_back({std::move(backend), std::move(worker), Time{}});
  }
}

SimWorld::~SimWorld() {
  // Jobs nobody waits for any more may hold what the workers own.
  events_.clear();
  for (Place& place : workers_) place.worker.reset();
}

std::string SimWorld::describe(std::size_t index) const {
  return workers_[index].backend->describe();
}

std::int64_t SimWorld::wall_seconds() const {
  return wall_origin_seconds +
         std::chrono::floor<std::chrono::seconds>(now_.time_since_epoch()).count();
}

void SimWorld::after(Duration duration, Callback action) {
  events_.push_back({now_ + duration, prng_.next(), ++sequence_, std::move(action)});
  std::push_heap(events_.begin(), events_.end());
}

Duration SimWorld::delay() {
  Duration most = chance(knobs_.slow) ? knobs_.slow_max : knobs_.delay_max;
  return Duration(prng_.between(0, static_cast<std::uint64_t>(most.count())));
}

bool SimWorld::run_events() {
  bool did = false;
  while (!events_.empty() && events_.front().at <= now_) {
    std::pop_heap(events_.begin(), events_.end());
    Event event = std::move(events_.back());
    events_.pop_back();
    note(event.sequence, static_cast<std::uint64_t>(event.at.time_since_epoch().count()));
    event.action();
    did = true;
  }
  return did;
}

bool SimWorld::step_one_worker() {
  std::size_t first = prng_.below(workers_.size());
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    std::size_t index = (first + i) % workers_.size();
    Place& place = workers_[index];
    if (place.paused_until > now_) continue;
    if (!place.worker->step(true)) continue;
    note(index);
    if (chance(knobs_.worker_pause)) {
      std::uint64_t most = static_cast<std::uint64_t>(knobs_.pause_max.count());
      place.paused_until = now_ + Duration(prng_.between(0, most));
    }
    now_ += Duration(prng_.below(step_cost_max_ns));
    return true;
  }
  return false;
}

bool SimWorld::advance() {
  Time next = events_.empty() ? time_never : events_.front().at;
  for (Place& place : workers_) {
    bool paused = place.paused_until > now_;
    next = std::min(next, paused ? place.paused_until : place.backend->wanted_at());
  }
  if (next == time_never) return false;
  now_ = std::max(now_, next);
  return true;
}

bool SimWorld::turn() {
  bool did = run_events();
  return step_one_worker() || did || advance();
}

bool SimWorld::run(const std::function<bool()>& finished, Duration limit) {
  Time end = now_ + limit;
  while (!finished()) {
    if (now_ > end || !turn()) return false;
  }
  return true;
}

bool SimWorld::run(std::size_t index, const std::function<Task<void>(Scope&)>& task,
                   Duration limit) {
  auto scope = std::make_unique<Scope>(worker(index));
  scope->spawn(task(*scope));
  bool ended = run([&] { return scope->children() == 0; }, limit);
  if (!ended) {
    violation("a task did not come to its end");
    scope->cancel();
    // A scope with a child must not die: rather leak it, the violation has been noted.
    if (!run([&] { return scope->children() == 0; }, limit)) (void)scope.release();
  }
  return ended;
}

void SimWorld::violation(std::string text) {
  violations_.push_back(fmt::format("{} (at {:.6f} s)", text, seconds_of(now_.time_since_epoch())));
}

void SimWorld::note(std::uint64_t a, std::uint64_t b) {
  for (std::uint64_t value : {a, b}) {
    trace_ = (trace_ ^ value) * 0x100000001b3;
    trace_ ^= trace_ >> 29;
  }
}

}  // namespace headrace
