// crew.h: Crew, the workers an engine has, each with its HTTP client and the place where its
// digests meet, over one arena; and the means to run the same coroutine on all of them.
//
// A Crew borrows its workers: Engine takes them from a Runtime, a simulation makes its own. It is
// made and destroyed while nothing runs on it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/trace.h"
#include "io/arena.h"
#include "io/digest/lanes.h"
#include "io/worker.h"
#include "net/http_client.h"
#include "net/resolver.h"

namespace headrace {

// What one worker brings to an upload. Used on that worker only.
struct Hand {
  Worker& worker;
  HttpClient& client;
  DigestLanes& digests;
  std::size_t index;
};

class Crew {
 public:
  Crew(std::vector<Worker*> workers, Resolver& resolver, Arena& arena,
       const NetworkOptions& network = {}, Trace* trace = nullptr);
  ~Crew();

  std::size_t size() const { return members_.size(); }
  Arena& arena() { return arena_; }
  // A row for one lane; empty where nothing is traced.
  TraceRow trace_row(std::string_view name) {
    return trace_ ? trace_->row(Trace::lanes, name) : TraceRow();
  }
  Hand hand(std::size_t index);

  // Runs `part` once on every worker and resumes when all have ended. Cancelling `scope` cancels
  // the scopes they were given. `part` is called on the workers and must outlive the call.
  using Part = std::function<Task<void>(Scope&, Hand)>;
  Task<void> all(Scope& scope, const Part& part);
  // Closes the clients' idle connections.
  Task<void> close_idle(Scope& scope);

 private:
  struct Member;
  struct Team;
  class TeamWait;
  static Task<void> run_member(std::shared_ptr<Team> team, std::size_t index);
  static void start(const std::shared_ptr<Team>& team, std::size_t index);
  static void cancel(const std::shared_ptr<Team>& team);

  std::vector<std::unique_ptr<Member>> members_;
  Arena& arena_;
  Trace* const trace_;
};

}  // namespace headrace
