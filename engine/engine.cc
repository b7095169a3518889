#include "engine/engine.h"

#include <algorithm>
#include <random>
#include <set>

#include <fmt/format.h>

#include "engine/advice.h"
#include "engine/crew.h"
#include "engine/hub/checkup.h"
#include "engine/hub/client.h"
#include "engine/hub/upload.h"
#include "engine/request_log.h"
#include "engine/s3/copy.h"
#include "engine/s3/unfinished.h"
#include "engine/urls/upload.h"
#include "io/call_on.h"
#include "io/machine.h"
#include "io/runtime.h"
#include "io/uring.h"
#include "net/answer_budget.h"
#include "net/rate_limit.h"

namespace headrace {
namespace {
constexpr std::uint64_t memory_limit_min_bytes = 16ULL << 20;
// Of the budget, what large answers may hold together: two of a batch call's bound by default.
constexpr std::uint64_t answers_share = 8;
// Two lines a request; a single call makes a handful of tries.
constexpr std::size_t requests_kept_max = 1000;
}  // namespace

// Everything an engine is made of, in the order in which it is made; it ends in the other order.
struct Engine::Parts {
  std::uint32_t connections = 0;
  std::vector<std::string> choices;
  std::unique_ptr<Arena> arena;
  std::optional<AnswerBudget> answers;
  SystemResolver resolver;
  std::unique_ptr<Trace> trace;
  std::unique_ptr<RequestLog> request_log;
  RateLimit rate_limit;
  std::unique_ptr<Runtime> runtime;  // null where the workers are somebody else's
  std::unique_ptr<Crew> crew;

  std::mutex mutex;
  std::condition_variable ended;
  std::set<std::shared_ptr<Job>> running;
  std::vector<std::string> requests;  // told while no job ran

  Worker& first() { return crew->hand(0).worker; }
  // Makes what `-v` and `--trace` need, and lets the clients know of it.
  Status watch_requests(const EngineOptions& options, NetworkOptions& network);

  // A root scope on the first worker for one job, until its coroutine has ended.
  struct Root {
    std::optional<Scope> scope;
  };

  void started(const std::shared_ptr<Job>& job) {
    std::lock_guard lock(mutex);
    running.insert(job);
  }
  void told(std::string line) {
    std::lock_guard lock(mutex);
    for (const std::shared_ptr<Job>& job : running) job->note(NoteLevel::debug, line);
    if (running.empty() && requests.size() < requests_kept_max) requests.push_back(std::move(line));
  }
  void finished(const std::shared_ptr<Job>& job) {
    std::lock_guard lock(mutex);
    running.erase(job);
    ended.notify_all();
  }

  // Each road's Upload is made and run alike.
  template <class Upload, class Request>
  std::shared_ptr<Job> start(Request request);
  template <class Upload, class Request>
  static Task<void> run_upload(Parts& parts, std::shared_ptr<Root> root, std::shared_ptr<Job> job,
                               Request request);
  template <class T>
  Result<T> call(const std::function<Task<Result<T>>(Scope&)>& function);
};

Status Engine::Parts::watch_requests(const EngineOptions& options, NetworkOptions& network) {
  if (!options.trace_path.empty()) {
    Result<std::unique_ptr<Trace>> opened = Trace::open(options.trace_path);
    if (!opened) return fail(std::move(opened.error()));
    trace = std::move(*opened);
  }
  RequestLog::Tell tell;
  if (options.verbosity >= 1) tell = [this](std::string line) { told(std::move(line)); };
  if (!tell && !trace) return {};
  request_log = std::make_unique<RequestLog>(options.verbosity, std::move(tell), trace.get());
  network.observer = request_log.get();
  return {};
}

template <class Upload, class Request>
Task<void> Engine::Parts::run_upload(Parts& parts, std::shared_ptr<Root> root,
                                     std::shared_ptr<Job> job, Request request) {
  Worker& worker = root->scope->worker();
  Time begin = worker.now();
  Duration cpu_begin = cpu_time_used();
  std::optional<Result<UploadResult>> result;
  {
    Upload upload(*parts.crew, std::move(request), parts.connections, *job);
    result.emplace(co_await upload.run(*root->scope));
  }
  if (*result) {
    UploadTotals& totals = (*result)->totals;
    totals.seconds = seconds_of(worker.now() - begin);
    totals.cpu_seconds = seconds_of(cpu_time_used() - cpu_begin);
    totals.memory_peak_bytes = peak_memory_bytes();
    for (Error& failure : (*result)->failures) failure = advised(std::move(failure));
  } else {
    result->error() = advised(std::move(result->error()));
  }
  // The scope ends after this coroutine has, at the worker's next messages.
  worker.send([&parts, root, job, result = std::move(*result)]() mutable {
    root->scope.reset();
    job->end(std::move(result));
    parts.finished(job);
  });
}

template <class T>
Result<T> Engine::Parts::call(const std::function<Task<Result<T>>(Scope&)>& function) {
  Result<T> result = call_on(first(), function);
  if (!result) result.error() = advised(std::move(result.error()));
  return result;
}

Result<std::unique_ptr<Engine>> Engine::create(const EngineOptions& options) {
  Machine machine = read_machine();
  auto parts = std::make_unique<Parts>();
  std::uint64_t budget =
      options.memory_limit_bytes == 0 ? default_memory_budget(machine) : options.memory_limit_bytes;
  budget = std::max(budget, memory_limit_min_bytes);
  parts->arena = std::make_unique<Arena>(budget - budget / answers_share);
  parts->answers.emplace(budget / answers_share);
  std::size_t workers =
      options.workers == 0 ? static_cast<std::size_t>(machine.cores_usable) : options.workers;
  // Each worker needs its lanes' blocks out of half of the budget.
  std::size_t affordable = std::max<std::size_t>(
      1, parts->arena->blocks_total() / 2 / (2 * Transfer::blocks_per_worker_min));
  workers = std::clamp<std::size_t>(workers, 1, affordable);
  parts->connections = options.connections;
  std::random_device random;
  Result<std::unique_ptr<Runtime>> runtime =
      Runtime::start(workers, (std::uint64_t{random()} << 32) | random());
  if (!runtime) return fail(advised(std::move(runtime.error()).at("start")));
  parts->runtime = std::move(*runtime);
  std::vector<Worker*> list;
  for (std::size_t index = 0; index < workers; ++index)
    list.push_back(&parts->runtime->worker(index));
  NetworkOptions network{.tls = TlsContext::of_client(options.tls), .proxies = options.proxies};
  Status watched = parts->watch_requests(options, network);
  if (!watched) {
    parts->runtime->stop();
    return fail(advised(std::move(watched.error())));
  }
  parts->rate_limit.set(options.rate_limit);
  network.rate_limit = &parts->rate_limit;
  network.answers = &*parts->answers;
  parts->crew = std::make_unique<Crew>(std::move(list), parts->resolver, *parts->arena, network,
                                       parts->trace.get());
  parts->choices.push_back(fmt::format("{} workers for {} usable of {} cores", workers,
                                       machine.cores_usable, machine.cores_allowed));
  parts->choices.push_back(fmt::format("memory budget {} MiB", budget >> 20));
  Result<std::string> ring = describe_uring();
  parts->choices.push_back("TLS: trust from " + options.tls.trust.text());
  if (ring) parts->choices.push_back("io_uring: " + *ring + "; plain sends");
  return std::unique_ptr<Engine>(new Engine(std::move(parts)));
}

std::unique_ptr<Engine> Engine::over(std::unique_ptr<Crew> crew) {
  auto parts = std::make_unique<Parts>();
  parts->crew = std::move(crew);
  return std::unique_ptr<Engine>(new Engine(std::move(parts)));
}

Engine::Engine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Engine::~Engine() {
  std::unique_lock lock(parts_->mutex);
  std::set<std::shared_ptr<Job>> left = parts_->running;
  lock.unlock();
  for (const std::shared_ptr<Job>& job : left) job->cancel();
  lock.lock();
  parts_->ended.wait(lock, [this] { return parts_->running.empty(); });
  lock.unlock();
  if (parts_->runtime) parts_->runtime->stop();
}

template <class Upload, class Request>
std::shared_ptr<Job> Engine::Parts::start(Request request) {
  auto job = std::make_shared<Job>();
  auto root = std::make_shared<Root>();
  Parts& parts = *this;
  Worker& worker = first();
  job->on_cancel([&worker, root] {
    worker.send([root] {
      if (root->scope) root->scope->cancel();
    });
  });
  started(job);
  worker.send([&parts, &worker, root, job, request = std::move(request)]() mutable {
    root->scope.emplace(worker);
    root->scope->spawn(run_upload<Upload>(parts, root, job, std::move(request)));
  });
  return job;
}

std::shared_ptr<Job> Engine::start(UploadRequest request) {
  return parts_->start<HubUpload>(std::move(request));
}

std::shared_ptr<Job> Engine::start(UrlsRequest request) {
  return parts_->start<UrlsUpload>(std::move(request));
}

std::shared_ptr<Job> Engine::start(CopyRequest request) {
  return parts_->start<S3Copy>(std::move(request));
}

Result<Engine::Account> Engine::whoami(const std::string& endpoint, const std::string& token) {
  Parts& parts = *parts_;
  std::function<Task<Result<Account>>(Scope&)> function =
      [&](Scope& scope) -> Task<Result<Account>> {
    HubClient hub(parts.crew->hand(0).client, {endpoint, token, {}});
    Result<WhoAmI> found = co_await hub.whoami(scope);
    co_await parts.crew->hand(0).client.close_idle(scope);
    if (!found) co_return fail(std::move(found.error()));
    co_return Account{found->name, found->full_name, found->orgs, found->token_name,
                      found->token_role};
  };
  return parts.call<Account>(function);
}

Result<std::string> Engine::create_repo(const HubTargetRepo& repo, const NewRepo& made) {
  Parts& parts = *parts_;
  std::function<Task<Result<std::string>>(Scope&)> function =
      [&](Scope& scope) -> Task<Result<std::string>> {
    HubClient hub(parts.crew->hand(0).client, {repo.endpoint, repo.token, repo.repo});
    Result<std::string> place = co_await hub.create_repo(scope, made);
    co_await parts.crew->hand(0).client.close_idle(scope);
    co_return place;
  };
  return parts.call<std::string>(function);
}

Status Engine::delete_repo(const HubTargetRepo& repo) {
  Parts& parts = *parts_;
  std::function<Task<Result<std::string>>(Scope&)> function =
      [&](Scope& scope) -> Task<Result<std::string>> {
    HubClient hub(parts.crew->hand(0).client, {repo.endpoint, repo.token, repo.repo});
    Status deleted = co_await hub.delete_repo(scope);
    co_await parts.crew->hand(0).client.close_idle(scope);
    if (!deleted) co_return fail(std::move(deleted.error()));
    co_return std::string();
  };
  Result<std::string> done = parts.call<std::string>(function);
  if (!done) return fail(std::move(done.error()));
  return {};
}

Result<std::vector<UnfinishedUpload>> Engine::list_unfinished(const S3Account& account,
                                                              const std::string& bucket,
                                                              const std::string& prefix,
                                                              bool with_parts) {
  Parts& parts = *parts_;
  using Uploads = std::vector<UnfinishedUpload>;
  std::function<Task<Result<Uploads>>(Scope&)> function =
      [&](Scope& scope) -> Task<Result<Uploads>> {
    S3Access access(account.settings, account.credentials);
    S3Client store(parts.crew->hand(0).client, access);
    UnfinishedList list(store, bucket);
    Result<Uploads> found = co_await list.run(scope, prefix, with_parts);
    co_await parts.crew->hand(0).client.close_idle(scope);
    co_return found;
  };
  return parts.call<Uploads>(function);
}

Status Engine::abort_unfinished(const S3Account& account, const std::string& bucket,
                                const UnfinishedUpload& upload) {
  Parts& parts = *parts_;
  std::function<Task<Result<std::string>>(Scope&)> function =
      [&](Scope& scope) -> Task<Result<std::string>> {
    S3Access access(account.settings, account.credentials);
    S3Client store(parts.crew->hand(0).client, access);
    S3Place place{.bucket = bucket, .key = upload.key};
    Status aborted = co_await store.abort(scope, place, upload.id);
    co_await parts.crew->hand(0).client.close_idle(scope);
    if (!aborted) co_return fail(std::move(aborted.error()));
    co_return std::string();
  };
  Result<std::string> done = parts.call<std::string>(function);
  if (!done) return fail(std::move(done.error()));
  return {};
}

std::vector<Finding> Engine::diagnose(DoctorRequest request) {
  Parts& parts = *parts_;
  std::function<Task<Result<std::vector<Finding>>>(Scope&)> function =
      [&](Scope& scope) -> Task<Result<std::vector<Finding>>> {
    HubCheckup checkup(parts.crew->hand(0).client, parts.resolver, request);
    std::vector<Finding> found = co_await checkup.run(scope);
    co_return found;
  };
  Result<std::vector<Finding>> found = parts.call<std::vector<Finding>>(function);
  return found ? std::move(*found) : std::vector<Finding>();
}

std::vector<std::string> Engine::take_requests() {
  std::lock_guard lock(parts_->mutex);
  return std::exchange(parts_->requests, {});
}

void Engine::limit_rate(std::uint64_t bytes_per_second) {
  parts_->rate_limit.set(bytes_per_second);
}

std::uint64_t Engine::rate_limit() const { return parts_->rate_limit.rate(); }

const std::vector<std::string>& Engine::choices() const { return parts_->choices; }

}  // namespace headrace
