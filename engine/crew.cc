#include "engine/crew.h"

#include <atomic>
#include <optional>

namespace headrace {

struct Crew::Member {
  Worker& worker;
  HttpClient client;
  DigestLanes digests;
};

// One call of all(). The messages that start, cancel and end it share it, since the last of them
// may be read after the caller has gone on.
struct Crew::Team {
  Crew& crew;
  const Part& part;
  std::vector<std::optional<Scope>> scopes;  // each touched on its own worker only
  std::atomic<std::size_t> running;
  Worker& caller;
  std::coroutine_handle<> waiting;
};

Crew::Crew(std::vector<Worker*> workers, Resolver& resolver, Arena& arena,
           const NetworkOptions& network, Trace* trace)
    : arena_(arena), trace_(trace) {
  for (Worker* worker : workers) {
    HttpClient::Options options{.network = network};
    members_.push_back(std::unique_ptr<Member>(new Member{
        *worker, HttpClient(*worker, resolver, std::move(options)), DigestLanes(*worker)}));
  }
}

Crew::~Crew() = default;

Hand Crew::hand(std::size_t index) {
  Member& member = *members_[index];
  return {member.worker, member.client, member.digests, index};
}

class Crew::TeamWait final : public Wait {
 public:
  TeamWait(Scope& scope, std::shared_ptr<Team> team) : scope_(scope), team_(std::move(team)) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    team_->waiting = handle;
    scope_.enter(*this);
    for (std::size_t index = 0; index < team_->scopes.size(); ++index) start(team_, index);
    if (scope_.cancelled()) cancel(team_);
  }
  void await_resume() { scope_.leave(*this); }
  void cancel_wait() override { cancel(team_); }

 private:
  Scope& scope_;
  std::shared_ptr<Team> team_;
};

void Crew::start(const std::shared_ptr<Team>& team, std::size_t index) {
  Worker& worker = team->crew.members_[index]->worker;
  worker.send([team, index, &worker] {
    team->scopes[index].emplace(worker);
    team->scopes[index]->spawn(run_member(team, index));
  });
}

void Crew::cancel(const std::shared_ptr<Team>& team) {
  for (std::size_t index = 0; index < team->scopes.size(); ++index) {
    team->crew.members_[index]->worker.send([team, index] {
      if (team->scopes[index]) team->scopes[index]->cancel();
    });
  }
}

Task<void> Crew::run_member(std::shared_ptr<Team> team, std::size_t index) {
  Hand hand = team->crew.hand(index);
  co_await team->part(*team->scopes[index], hand);
  // The scope ends after this coroutine has, at the worker's next messages.
  hand.worker.send([team, index] {
    team->scopes[index].reset();
    if (team->running.fetch_sub(1) == 1) {
      team->caller.send([team] { team->waiting.resume(); });
    }
  });
}

Task<void> Crew::all(Scope& scope, const Part& part) {
  auto team = std::shared_ptr<Team>(new Team{*this, part,
                                             std::vector<std::optional<Scope>>(members_.size()),
                                             members_.size(), scope.worker(), nullptr});
  co_await TeamWait(scope, std::move(team));
}

Task<void> Crew::close_idle(Scope& scope) {
  Part part = [](Scope& member_scope, Hand hand) -> Task<void> {
    return hand.client.close_idle(member_scope);
  };
  co_await all(scope, part);
}

}  // namespace headrace
