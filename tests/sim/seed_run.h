// seed_run.h: SeedRun, the life of one seed: a world, a folder, memory, one job through the front
// door while things go wrong, and a second one when all faults are over, which must work.
//
// Whoever derives from it has the other side, says what is asked for, and judges what became of it;
// what must hold of every job stands here: it ends, says what was wrong and what to do, stops when
// it is told to, and at rest no child, block, ticket or file is left. Draws come in the order of
// the code: a seed is replayed by its number. What is found wrong comes back as sentences; none for
// a sound seed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "net/resolver.h"
#include "tests/sim/sim_folder.h"
#include "tests/sim/sim_world.h"

namespace headrace {

struct SeedReport {
  std::vector<std::string> problems;
  std::string summary;  // what the seed was and what became of it
  bool first_worked = false;
  std::uint64_t trace = 0;
};

class SeedRun {
 public:
  SeedReport run();

 protected:
  SeedRun(std::uint64_t seed, double stop_chance);
  // What is broken can't be taken down in order: whoever asked looks at the report and ends. Who
  // owns more of the world lets go of it the same way.
  virtual ~SeedRun();
  bool broken() const { return !problems_.empty(); }
  void problem(std::string text) { problems_.push_back(std::move(text)); }

  // --- what the constructor of a kind of seed calls, in this order ---
  // The other side has a worker of its own, the last one: number workers().
  void make_world(const SimKnobs& knobs);
  std::size_t workers() const { return workers_; }
  void make_memory();

  // --- what a kind of seed is ---
  virtual Result<UploadResult> perform() = 0;
  virtual void plan_change() = 0;  // somebody changes a file before the first job is over
  virtual void judge_first(const Result<UploadResult>& result) = 0;
  virtual void judge_second(const Result<UploadResult>& result) = 0;
  virtual void end_faults(Prng& quiet) = 0;  // of the other side
  virtual void stop_other_side() = 0;
  virtual bool other_side_stopped() const = 0;
  virtual std::string described() const = 0;  // what the seed drew
  virtual std::string counted() const = 0;    // what the other side did

  // --- of use to all of them ---
  // To its end; events() are those it told.
  template <class Request>
  Result<UploadResult> perform(Resolver& resolver, const Request& request) {
    open_engine(resolver);
    job_ = engine_->start(request);
    return wait_for_job();
  }
  const std::vector<Event>& events() const { return events_; }
  const Job& job() const { return *job_; }
  std::string drawn_bytes(std::size_t size);
  void judge_error(const Result<UploadResult>& result);
  // True, and a problem if not: the second job worked, whole.
  bool judge_success(const Result<UploadResult>& result);
  // A stop takes effect within `most`, but for what the machine itself takes.
  void judge_stop(Duration most);

  const std::uint64_t seed_;
  Prng prng_;
  const bool calm_;     // no faults at all: everything must work at once
  const bool changes_;  // somebody rewrites or removes a file meanwhile
  const bool stops_;    // and somebody loses patience
  const bool keeps_;    // a file that fails is left out
  std::unique_ptr<SimWorld> world_;
  std::unique_ptr<SimFolder> folder_;
  bool first_over_ = false;
  bool stopped_ = false;
  std::string outcome_;  // of the first job: "worked", or the error's code

 private:
  void open_engine(Resolver& resolver);
  Result<UploadResult> wait_for_job();
  void plan_stop();
  void check_at_rest();
  bool turn_until(const std::function<bool()>& finished);

  const std::size_t workers_;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<Job> job_;  // the last one
  std::vector<Event> events_;
  Time stopped_at_{};
  std::uint64_t turns_ = 0;
  std::vector<std::string> problems_;
};

}  // namespace headrace
