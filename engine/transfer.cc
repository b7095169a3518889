#include "engine/transfer.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "engine/concurrency.h"
#include "engine/part_upload.h"
#include "engine/read_pass.h"
#include "engine/signed_url.h"
#include "net/retry.h"
#include "net/tls_stream.h"

namespace headrace {
namespace {

// Larger content is read again instead (LIMITS section 7: more retained memory gave less speed).
constexpr std::uint64_t retained_file_size_max = 64ULL << 20;
// Where nobody says how many: so many to begin with (LIMITS rule 16: 4 to 8 fill loopback), and the
// most there may be.
constexpr std::uint32_t connections_first = 8;
constexpr std::uint32_t connections_max = 64;
// Beside those for its share of the parts, so many a worker stay open: for the calls between the
// parts, and for the share to be a part off.
constexpr std::size_t connections_beside = 1;
// Each worker looks at its connections so often. What has arrived since is not in the measure of
// the line, so it is little of the second that is measured.
constexpr Duration tend_period = 20ms;
// As many as the widest digest kernel has (LIMITS section 4 measured pairs; sixteen streams of one
// worker are hashed at up to twice the rate of one). Fewer leave lanes empty, more only memory.
constexpr std::uint32_t digest_lanes_per_worker = kernel_lanes_max;
// Half a second and less of a worker's hashing: after that at the latest there is something to
// send.
constexpr std::uint64_t digest_bytes_per_worker = 2ULL << 30;
constexpr std::uint32_t tries_max = 5;
constexpr std::uint32_t control_lanes = 2;  // one classifies while the other negotiates
constexpr std::size_t send_blocks = 2;
// Of a session's own memory, which is not the arena's; blocks of it that stay untouched pay for it.
constexpr std::size_t session_blocks =
    (TlsStream::memory_max_bytes + block_size_bytes - 1) / block_size_bytes;
static_assert(1 + send_blocks + session_blocks <= Transfer::blocks_per_worker_min);

std::size_t send_blocks_of(const Road& road) {
  return send_blocks + (road.over_tls() ? session_blocks : 0);
}

SchedulerLimits limits_with(SchedulerLimits limits, std::uint32_t senders_per_worker,
                            std::size_t workers) {
  auto count = static_cast<std::uint32_t>(workers);
  limits.senders = senders_per_worker * count;
  limits.digests_min = 2 * count;  // a pair keeps the SHA instructions of a core busy
  limits.digest_bytes_max = digest_bytes_per_worker * count;
  return limits;
}

}  // namespace

Transfer::Lanes Transfer::lanes_of(Crew& crew, const Road& road, std::uint32_t connections) {
  auto workers = static_cast<std::uint32_t>(crew.size());
  // Half of the budget for lanes, the rest for content that waits to be sent.
  std::size_t share = std::max(crew.arena().blocks_total() / 2 / workers, blocks_per_worker_min);
  std::uint32_t all = connections == 0 ? connections_max : connections;
  std::uint32_t wanted = (all + workers - 1) / workers;
  std::uint32_t digest = 0;
  if (road.digests()) {
    digest =
        static_cast<std::uint32_t>(std::clamp<std::size_t>(share / 4, 1, digest_lanes_per_worker));
  }
  auto affordable = static_cast<std::uint32_t>((share - digest) / send_blocks_of(road));
  return {.send = std::clamp(affordable, 1u, wanted), .digest = digest};
}

Transfer::Transfer(Crew& crew, const Road& road, const TransferOptions& options, Reporter& reporter)
    : crew_(crew),
      road_(road),
      options_(options),
      reporter_(reporter),
      lanes_(lanes_of(crew, road, options_.connections)),
      connections_(lanes_.send * static_cast<std::uint32_t>(crew.size())),
      board_(limits_with(road.limits(), lanes_.send, crew.size())) {
  board_.report([this](Scheduler& scheduler) { files_ = &scheduler.files(); });
}

template <class Report>
auto Transfer::report(Report report) {
  return board_.report([&](Scheduler& scheduler) {
    struct Count {
      Scheduler& scheduler;
      Counters& counters;
      ~Count() { counters.files_done = scheduler.files_closed(); }
    } count{scheduler, reporter_.counters};
    return report(scheduler);
  });
}

Task<Status> Transfer::run(Scope& scope) {
  Scope running(scope);
  stop_->scope = &running;
  first_worker_ = &scope.worker();
  Crew::Part part = [this](Scope& member, Hand hand) { return work(member, hand); };
  Scope beside(running);
  beside.spawn(steer(beside));
  co_await crew_.all(running, part);
  beside.cancel();
  co_await beside.join();
  stop_->scope = nullptr;
  tell_of_shared_objects();
  if (first_error_) co_return fail(std::move(*first_error_));
  if (scope.cancelled())
    co_return fail(make_error(ErrorClass::cancelled, "cancelled", "told to stop"));
  co_return Status();
}

Task<void> Transfer::work(Scope& scope, Hand hand) {
  Scope lanes(scope);
  auto row = [&](std::string_view kind, std::uint32_t number) {
    return crew_.trace_row(fmt::format("worker {} {} {}", hand.index, kind, number));
  };
  for (std::uint32_t i = 0; i < lanes_.digest; ++i) {
    lanes.spawn(digest_lane(lanes, hand.digests, i, row("digest", i)));
  }
  for (std::uint32_t i = 0; i < lanes_.send; ++i) {
    lanes.spawn(send_lane(lanes, hand.client, i, row("send", i)));
  }
  for (std::uint32_t i = 0; i < control_lanes; ++i) {
    lanes.spawn(control_lane(lanes, hand.client, row("control", i)));
  }
  Scope beside(scope);
  beside.spawn(tend(beside, hand.client));
  co_await lanes.join();
  beside.cancel();
  co_await beside.join();
}

void Transfer::permit(std::uint32_t sends) {
  connections_.store(sends, std::memory_order_relaxed);
  report([&](Scheduler& scheduler) { scheduler.permit_sends(sends); });
}

// Looks often enough that a part that is late is seen, and the number of connections found.
Task<void> Transfer::steer(Scope& scope) {
  Worker& worker = scope.worker();
  std::uint32_t lanes = lanes_.send * static_cast<std::uint32_t>(crew_.size());
  ConcurrencyController controller({.start = std::min(connections_first, lanes), .max = lanes});
  bool finds = options_.connections == 0;
  if (finds) permit(controller.permits());
  while (true) {
    bool slept = co_await worker.sleep(scope, ConcurrencyController::look_period);
    if (!slept) co_return;
    ConcurrencyController::Seen seen{
        .bytes = gauge_.arrived(),
        .refusals = reporter_.counters.refusals.load(std::memory_order_relaxed),
        .round_trip = gauge_.take_round_trip()};
    std::optional<ConcurrencyDecision> decision = report([&](Scheduler& scheduler) {
      seen.running = scheduler.sends_running();
      seen.more_waits = scheduler.sends_wait();
      std::optional<ConcurrencyDecision> made;
      if (finds) made = controller.look(worker.now(), seen);
      return made;
    });
    if (decision) permit(decision->to);
    if (!decision || decision->from == decision->to) continue;
    reporter_.event(ConnectionsChanged{decision->from, decision->to, decision->goodput,
                                       std::string(reason_text(decision->reason))});
  }
}

// Looks how the connections stand, for steer(). What the line does not need any more is not held
// open either.
Task<void> Transfer::tend(Scope& scope, HttpClient& client) {
  HttpClient::Need need(client);
  std::size_t workers = crew_.size();
  while (true) {
    std::size_t sends = connections_.load(std::memory_order_relaxed);
    need.set((sends + workers - 1) / workers + connections_beside);
    client.look();
    co_await client.close_surplus(scope);
    bool slept = co_await scope.worker().sleep(scope, tend_period);
    if (!slept) co_return;
  }
}

Task<std::optional<Work>> Transfer::take(Scope& scope, Lane lane, TraceRow row,
                                         std::uint32_t rank) {
  TraceSpan waiting(row, scope.worker(), "wait", "wait for work");
  std::optional<Work> work = co_await board_.take(scope, lane, rank);
  co_return work;
}

Task<void> Transfer::control_lane(Scope& scope, HttpClient& client, TraceRow row) {
  const RoadCall call = road_call(client);
  while (true) {
    std::optional<Work> work = co_await take(scope, Lane::control, row);
    if (!work) co_return;
    if (auto* files = std::get_if<ClassifyFiles>(&*work)) {
      TraceSpan span(row, scope.worker(), "control", "classify");
      span.with("files", std::uint64_t{files->count});
      co_await classify(scope, call, *files);
    } else if (auto* objects = std::get_if<NegotiateObjects>(&*work)) {
      TraceSpan span(row, scope.worker(), "control", "negotiate");
      span.with("objects", std::uint64_t{objects->objects.size()});
      co_await negotiate(scope, call, *objects);
    } else if (auto* object = std::get_if<FinishObject>(&*work)) {
      TraceSpan span(row, scope.worker(), "control", "finish");
      span.with("path", (*files_)[object->file].path);
      co_await finish(scope, client, std::move(*object));
    }
  }
}

Task<void> Transfer::digest_lane(Scope& scope, DigestLanes& digests, std::uint32_t rank,
                                 TraceRow row) {
  Ticket ticket = co_await crew_.arena().reserve(scope, 1);
  while (ticket) {
    std::optional<Work> work = co_await take(scope, Lane::digest, row, rank);
    if (!work) co_return;
    FileIndex file = std::get<DigestFile>(*work).file;
    TraceSpan span(row, scope.worker(), "file", "read and digest");
    span.with("path", (*files_)[file].path).with("bytes", (*files_)[file].size);
    co_await digest(scope, digests, file, ticket, row);
  }
}

Task<void> Transfer::send_lane(Scope& scope, HttpClient& client, std::uint32_t rank, TraceRow row) {
  Ticket ticket = co_await crew_.arena().reserve(scope, send_blocks_of(road_));
  while (ticket) {
    std::optional<Work> work = co_await take(scope, Lane::send, row, rank);
    if (!work) co_return;
    const SendPart& part = std::get<SendPart>(*work);
    TraceSpan span(row, scope.worker(), "part", "send part");
    span.with("path", (*files_)[part.file].path).with("part", std::uint64_t{part.part} + 1);
    co_await send(scope, client, std::get<SendPart>(std::move(*work)), ticket);
  }
}

// --- classify: a look at each file, one call of the road ---

Task<Status> Transfer::look_at(Scope& scope, FileSample& sample) {
  const FileRecord& file = (*files_)[sample.file];
  std::optional<std::size_t> wanted = road_.sample_size(file);
  if (!wanted) co_return Status();
  Result<std::unique_ptr<Reader>> reader = co_await open_listed(scope, *file.source, file.size);
  if (!reader) co_return fail(std::move(reader.error()));
  sample.identity = (*reader)->identity();
  sample.bytes.resize(std::min<std::uint64_t>(file.size, *wanted));
  std::span<std::byte> into = std::as_writable_bytes(std::span(sample.bytes));
  Result<std::size_t> got = co_await (*reader)->read(scope, 0, into);
  co_await (*reader)->close(scope);
  if (!got) co_return fail(std::move(got.error()));
  co_return Status();
}

Task<void> Transfer::classify(Scope& scope, const RoadCall& call, const ClassifyFiles& work) {
  std::vector<FileSample> samples;
  for (FileIndex index = work.first; index < work.first + work.count; ++index) {
    FileSample sample{.file = index, .bytes = {}, .identity = {}};
    Status looked = co_await look_at(scope, sample);
    if (!looked) {
      report([&](Scheduler& scheduler) { scheduler.file_failed(index); });
      file_trouble(index, std::move(looked.error()));
      if (board_.closed()) break;
      continue;
    }
    samples.push_back(std::move(sample));
  }
  std::vector<Result<Classified>> answers;
  if (!samples.empty() && !board_.closed()) {
    Result<std::vector<Result<Classified>>> found = co_await road_.classify(scope, call, samples);
    if (!found) {
      report([&](Scheduler& scheduler) { scheduler.classify_failed(work); });
      co_return end_all(std::move(found.error()));
    }
    answers = std::move(*found);
  }
  report([&](Scheduler& scheduler) {
    for (std::size_t i = 0; i < answers.size(); ++i) {
      FileIndex index = samples[i].file;
      if (!answers[i]) {
        scheduler.file_failed(index);
        continue;
      }
      if (samples[i].identity) scheduler.file_looked_at(index, *samples[i].identity);
      scheduler.file_classified(index, answers[i]->large, answers[i]->ignored, answers[i]->remote);
    }
    scheduler.classified(work);
  });
  for (std::size_t i = 0; i < answers.size(); ++i) tell_of(samples[i].file, std::move(answers[i]));
}

void Transfer::tell_of(FileIndex index, Result<Classified> answer) {
  if (!answer) return file_trouble(index, std::move(answer.error()));
  if (!answer->ignored) return;
  reporter_.event(FileSkipped{(*files_)[index].path, SkipReason::ignored_by_server, ""});
}

// --- digest ---

Task<void> Transfer::digest(Scope& scope, DigestLanes& digests, FileIndex index, Ticket& ticket,
                            TraceRow row) {
  const FileRecord& file = (*files_)[index];
  std::unique_ptr<Digest> digest = road_.digest(file);
  DigestTap tap(*digest, digests);
  Tap* const taps[] = {&tap};
  Retained retained;
  if (file.large && file.size <= retained_file_size_max) {
    retained.ticket =
        crew_.arena().try_reserve((file.size + block_size_bytes - 1) / block_size_bytes);
  }
  ReadPass pass{.source = *file.source,
                .size = file.size,
                .taps = taps,
                .ticket = ticket,
                .keep = retained.ticket ? &retained : nullptr,
                .bytes_read = &reporter_.counters.bytes_hashed,
                .trace = row};
  Result<FileIdentity> identity = co_await pass.run(scope);
  if (!identity) {
    report([&](Scheduler& scheduler) { scheduler.file_failed(index); });
    file_trouble(index, std::move(identity.error()));
    co_return;
  }
  DigestValue value = digest->finish();
  report([&](Scheduler& scheduler) {
    scheduler.digested(index, value, *identity, std::move(retained));
  });
  reporter_.event(FileHashed{file.path, file.size});
}

// --- negotiate ---

Task<void> Transfer::negotiate(Scope& scope, const RoadCall& call, const NegotiateObjects& work) {
  Result<std::vector<Negotiation>> answers = co_await road_.negotiate(scope, call, work.objects);
  if (!answers) {
    report([&](Scheduler& scheduler) { scheduler.negotiate_failed(work); });
    co_return end_all(std::move(answers.error()));
  }
  std::vector<Negotiated> found;
  for (std::size_t i = 0; i < answers->size(); ++i) {
    Negotiation& answer = (*answers)[i];
    if (!answer) {
      found.push_back({.refused = true, .target = nullptr});
      file_trouble(work.objects[i].file, std::move(answer.error()));
      continue;
    }
    if (*answer) {
      reporter_.counters.bytes_to_send.fetch_add(work.objects[i].size, std::memory_order_relaxed);
    }
    found.push_back({.refused = false, .target = std::move(*answer)});
  }
  report([&](Scheduler& scheduler) { scheduler.negotiated(work, std::move(found)); });
}

// --- send ---

Duration Transfer::wait_before(Scope& scope, const Error& error, std::uint32_t tries) {
  std::int64_t wait = retry_wait_ms(RetryPolicy(), static_cast<int>(tries),
                                    scope.worker().prng().next(), error.retry_after_ms);
  return std::chrono::milliseconds(wait);
}

template <class Report>
Task<void> Transfer::report_later(Scope& scope, Duration delay, Report what) {
  bool slept = co_await scope.worker().sleep(scope, delay);
  if (slept) report(what);
}

// A send of its own scope, so that it can be ended when its twin was confirmed.
Task<void> Transfer::send(Scope& lane, HttpClient& client, SendPart work, Ticket& ticket) {
  const FileRecord& file = (*files_)[work.file];
  Scope scope(lane);
  Twins::Sending sending(twins_, scope, work);
  if (work.hedge_after) tell_of_late_part(work, sending);
  PartUpload upload{.client = client,
                    .source = *file.source,
                    .work = work,
                    .ticket = ticket,
                    .counters = reporter_.counters,
                    .new_connection = work.tries > 0 || work.hedge_after.has_value(),
                    .watcher = &sending,
                    .gauge = &gauge_,
                    .arena = &crew_.arena()};
  Result<std::string> etag = co_await upload.run(scope);
  if (!etag) {
    if (sending.dropped()) {
      report([&](Scheduler& scheduler) { scheduler.part_dropped(work); });
      co_return;
    }
    judge_send(lane, std::move(work), std::move(etag.error()).on_path(file.path));
    co_return;
  }
  Time now = scope.worker().now();
  Scheduler::Confirmed confirmed = report(
      [&](Scheduler& scheduler) { return scheduler.part_confirmed(work, std::move(*etag), now); });
  if (confirmed.twin_runs) twins_->end_twin(sending);
  if (!confirmed.counts) co_return;
  reporter_.counters.bytes_confirmed.fetch_add(work.target->range(work.part).size,
                                               std::memory_order_relaxed);
}

void Transfer::tell_of_late_part(const SendPart& work, const Twins::Sending& sending) {
  Twins::State state = twins_->twin_of(sending);
  PartLate late{.path = (*files_)[work.file].path,
                .part = work.target->part_count() > 1 ? work.part + 1 : 0,
                .host = {},
                .address = std::move(state.address),
                .seconds = seconds_of(*work.hedge_after),
                .bytes = state.bytes};
  if (Result<PartRequest> request = work.target->request(work.part)) {
    if (Result<Url> url = Url::parse(request->url)) late.host = url->authority();
  }
  reporter_.event(std::move(late));
}

Task<void> Transfer::send_again_later(Scope& lanes, Duration delay, SendPart work) {
  Scope waiting(lanes);
  Twins::Sending sending(twins_, waiting, work);
  bool slept = co_await waiting.worker().sleep(waiting, delay);
  if (slept) {
    report([&](Scheduler& scheduler) { scheduler.part_again(work); });
  } else if (sending.dropped()) {
    report([&](Scheduler& scheduler) { scheduler.part_dropped(work); });
  }
}

void Transfer::judge_send(Scope& scope, SendPart work, Error error) {
  const FileRecord& file = (*files_)[work.file];
  work.slices.clear();
  if (error.status == 429 || error.status == 503) {
    reporter_.counters.refusals.fetch_add(1, std::memory_order_relaxed);
  }
  if (error.kind == ErrorClass::retry && work.tries + 1 < tries_max) {
    Duration wait = wait_before(scope, error, work.tries + 1);
    reporter_.counters.retries.fetch_add(1, std::memory_order_relaxed);
    reporter_.event(PartRetried{file.path, static_cast<std::uint32_t>(error.part), work.tries + 1,
                                std::move(error)});
    // The lane goes on meanwhile.
    report([&](Scheduler& scheduler) { scheduler.part_waits(work); });
    scope.spawn(send_again_later(scope, wait, std::move(work)));
    return;
  }
  if (error.kind == ErrorClass::expired) {
    reporter_.counters.retries.fetch_add(1, std::memory_order_relaxed);
    bool exhausted = report([&](Scheduler& scheduler) {
      scheduler.part_expired(work);
      return scheduler.renewals_exhausted(work.object);
    });
    if (exhausted) file_trouble(work.file, std::move(error));
    return;
  }
  bool matters = report([&](Scheduler& scheduler) { return scheduler.send_failed(work); });
  if (matters) file_trouble(work.file, std::move(error));
}

// --- finish: the target makes its object of the parts ---

Task<void> Transfer::finish(Scope& lanes, HttpClient& client, FinishObject work) {
  FinishCall call{.client = client,
                  .oid = work.oid,
                  .size = work.size,
                  .tags = work.etags,
                  .retries = reporter_.counters.retries};
  Status done = co_await work.target->finish(lanes, call);
  if (done) {
    report([&](Scheduler& scheduler) { scheduler.object_stored(work); });
    co_return;
  }
  Error error = std::move(done.error()).on_path((*files_)[work.file].path);
  error.attempts = std::max(error.attempts, static_cast<int>(work.tries) + 1);
  AfterFinish next = work.target->judge_finish(error);
  if (next == AfterFinish::again && work.tries + 1 < tries_max) {
    Duration wait = wait_before(lanes, error, work.tries + 1);
    reporter_.counters.retries.fetch_add(1, std::memory_order_relaxed);
    lanes.spawn(report_later(lanes, wait, [work = std::move(work)](Scheduler& scheduler) {
      scheduler.finish_again(work);
    }));
    co_return;
  }
  // Either is asked for a bounded number of times.
  if (next == AfterFinish::renew || next == AfterFinish::anew) {
    reporter_.counters.retries.fetch_add(1, std::memory_order_relaxed);
    bool exhausted = report([&](Scheduler& scheduler) {
      if (next == AfterFinish::renew) {
        scheduler.finish_expired(work);
      } else {
        scheduler.object_anew(work);
      }
      return scheduler.renewals_exhausted(work.object);
    });
    if (next == AfterFinish::renew) become_url_expired(error);
    if (exhausted) file_trouble(work.file, std::move(error));
    co_return;
  }
  report([&](Scheduler& scheduler) { scheduler.finish_failed(work); });
  file_trouble(work.file, std::move(error));
}

// --- trouble ---

void Transfer::file_trouble(FileIndex index, Error error) {
  error = std::move(error).on_path((*files_)[index].path);
  if (!options_.keep_going || error.kind == ErrorClass::cancelled) return end_all(std::move(error));
  reporter_.event(FileSkipped{(*files_)[index].path, SkipReason::failed, error.message});
  std::lock_guard lock(mutex_);
  failures_.push_back(std::move(error));
  failed_files_.push_back(index);
}

// An object fails once, in the name of one file; others of the same content fail with it.
void Transfer::tell_of_shared_objects() {
  std::set<FileIndex> told(failed_files_.begin(), failed_files_.end());
  std::map<ObjectIndex, std::size_t> by_object;
  for (std::size_t i = 0; i < failed_files_.size(); ++i) {
    ObjectIndex object = (*files_)[failed_files_[i]].object;
    if (object != no_object) by_object.emplace(object, i);
  }
  if (by_object.empty()) return;
  for (FileIndex index = 0; index < files_->size(); ++index) {
    const FileRecord& file = (*files_)[index];
    auto found = by_object.find(file.object);
    if (file.state != FileRecord::State::failed || told.contains(index)) continue;
    if (found == by_object.end()) continue;
    Error error = failures_[found->second];
    error.path = file.path;
    file_trouble(index, std::move(error));
  }
}

void Transfer::end_all(Error error) {
  {
    std::lock_guard lock(mutex_);
    if (!first_error_) first_error_ = std::move(error);
  }
  board_.close();
  first_worker_->send([stop = stop_] {
    if (stop->scope) stop->scope->cancel();
  });
}

}  // namespace headrace
