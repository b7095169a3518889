// sim_world.h: any number of workers, their kernel, network, files, blocking jobs and clock, in one
// thread and by one seed.
//
// turn() runs what is due, then one worker picked by chance; when nobody can do anything the clock
// goes to the next moment. The same seed, knobs and program give the same run, which trace() shows.
// What our code may never do (bytes changed before they were released, a file closed under an
// operation, two sends on one socket) is noted as a violation; the world goes on, so that what
// follows from it shows too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "io/worker.h"
#include "tests/sim/sim_files.h"
#include "tests/sim/sim_knobs.h"
#include "tests/sim/sim_network.h"

namespace headrace {

class SimBackend;

class SimWorld {
 public:
  struct Options {
    std::uint64_t seed = 1;
    std::size_t workers = 2;
    SimKnobs knobs;
  };
  explicit SimWorld(const Options& options);
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;

  std::size_t size() const { return workers_.size(); }
  Worker& worker(std::size_t index) { return *workers_[index].worker; }
  // What this worker waits for, for a person.
  std::string describe(std::size_t index) const;
  SimFiles& files() { return files_; }
  SimNetwork& network() { return network_; }
  Blocking& blocking_jobs() { return *blocking_; }
  const SimKnobs& knobs() const { return knobs_; }
  // Faults may be ended at some moment, so that what must succeed at last can be asked for.
  void set_knobs(const SimKnobs& knobs) { knobs_ = knobs; }
  Prng& prng() { return prng_; }
  Time now() const { return now_; }
  std::int64_t wall_seconds() const;

  // False if nothing can happen any more.
  bool turn();
  // Turns until `finished`; false if the world came to rest, or `limit` of its time went by,
  // before.
  bool run(const std::function<bool()>& finished, Duration limit);
  // Runs `task` on the worker with this index, in a scope of its own. One that does not end is a
  // violation and is cancelled.
  bool run(std::size_t index, const std::function<Task<void>(Scope&)>& task, Duration limit = 24h);

  // After a delay by chance, or after this one.
  void later(Callback action) { after(delay(), std::move(action)); }
  void after(Duration duration, Callback action);
  Duration delay();
  bool chance(double probability) { return probability > 0 && prng_.chance(probability); }

  void violation(std::string text);
  const std::vector<std::string>& violations() const { return violations_; }
  // A number that any difference between two runs changes.
  std::uint64_t trace() const { return trace_; }
  void note(std::uint64_t a, std::uint64_t b = 0);

 private:
  struct Event {
    Time at;
    std::uint64_t tie;  // events of one moment happen in any order
    std::uint64_t sequence;
    Callback action;
    bool operator<(const Event& other) const {
      if (at != other.at) return at > other.at;
      return tie != other.tie ? tie > other.tie : sequence > other.sequence;
    }
  };
  struct Place {
    std::unique_ptr<SimBackend> backend;
    std::unique_ptr<Worker> worker;
    Time paused_until{};
  };
  class Jobs;

  bool run_events();
  bool step_one_worker();
  bool advance();

  SimKnobs knobs_;
  Prng prng_;
  Time now_{};
  std::vector<Event> events_;  // a heap
  std::uint64_t sequence_ = 0;
  std::uint64_t trace_ = 0xcbf29ce484222325;
  SimFiles files_;
  SimNetwork network_;
  std::unique_ptr<Blocking> blocking_;
  std::vector<Place> workers_;
  std::vector<std::string> violations_;
};

}  // namespace headrace
