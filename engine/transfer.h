// transfer.h: Transfer, the lanes that bring a set of files along a road until their content is
// there; what follows once all is (a commit) is whoever's who made it.
//
// On each worker of the crew run lanes of three kinds: control (classifying, negotiating,
// finishing), digest and send. They take work from one Board. Memory: each digest lane holds a
// block, each send lane two, and over TLS what its session's buffers come to, taken before the
// lanes start, so no lane waits for another; what the arena has left keeps hashed content until it
// is sent. run() once. Files that failed are in failures() if `keep_going`; else the first failure
// ends everything. Crew, road and reporter outlive it.
//
// How many parts are on their way at once is found while it runs (concurrency.h), unless it was
// said; a part that is late at the end is sent a second time elsewhere (scheduler.h).
#pragma once

#include <mutex>
#include <optional>

#include "engine/board.h"
#include "engine/crew.h"
#include "engine/line_gauge.h"
#include "engine/reporter.h"
#include "engine/road.h"
#include "engine/twins.h"

namespace headrace {

struct TransferOptions {
  bool keep_going = false;
  std::uint32_t connections = 0;  // all workers together; 0: as many as pay
};

class Transfer {
 public:
  Transfer(Crew& crew, const Road& road, const TransferOptions& options, Reporter& reporter);

  void add(FileRecord file) {
    board_.report([&](Scheduler& scheduler) { scheduler.add(std::move(file)); });
  }
  // Every file is ready, unchanged, ignored or failed; or the error that ended it.
  Task<Status> run(Scope& scope);
  // After run().
  const std::deque<FileRecord>& files() const { return *files_; }
  std::vector<Error>& failures() { return failures_; }

  // Blocks a worker needs with one lane of each kind, over https.
  static constexpr std::size_t blocks_per_worker_min = 5;

 private:
  struct Lanes {
    std::uint32_t send;
    std::uint32_t digest;
  };
  static Lanes lanes_of(Crew& crew, const Road& road, std::uint32_t connections);

  Task<void> work(Scope& scope, Hand hand);
  Task<void> control_lane(Scope& scope, HttpClient& client, TraceRow row);
  Task<void> digest_lane(Scope& scope, DigestLanes& digests, std::uint32_t rank, TraceRow row);
  Task<void> send_lane(Scope& scope, HttpClient& client, std::uint32_t rank, TraceRow row);
  // The next work of a lane; nothing when all is done.
  Task<std::optional<Work>> take(Scope& scope, Lane lane, TraceRow row, std::uint32_t rank = 0);

  Task<void> classify(Scope& scope, const RoadCall& call, const ClassifyFiles& work);
  Task<Status> look_at(Scope& scope, FileSample& sample);
  void tell_of(FileIndex index, Result<Classified> answer);
  Task<void> digest(Scope& scope, DigestLanes& digests, FileIndex index, Ticket& ticket,
                    TraceRow row);
  Task<void> negotiate(Scope& scope, const RoadCall& call, const NegotiateObjects& work);
  Task<void> send(Scope& scope, HttpClient& client, SendPart work, Ticket& ticket);
  void judge_send(Scope& scope, SendPart work, Error error);
  Task<void> send_again_later(Scope& scope, Duration delay, SendPart work);
  void tell_of_late_part(const SendPart& work, const Twins::Sending& sending);
  // Beside the lanes, until they have ended.
  Task<void> steer(Scope& scope);
  void permit(std::uint32_t sends);
  Task<void> tend(Scope& scope, HttpClient& client);
  Task<void> finish(Scope& lanes, HttpClient& client, FinishObject work);
  // To the board; what it closed shows in the progress.
  template <class Report>
  auto report(Report report);
  template <class Report>
  Task<void> report_later(Scope& scope, Duration delay, Report report);

  Duration wait_before(Scope& scope, const Error& error, std::uint32_t tries);
  RoadCall road_call(HttpClient& client) { return {client, *files_, reporter_}; }
  // One file can't go on: ends everything, unless told to keep going.
  void file_trouble(FileIndex index, Error error);
  void tell_of_shared_objects();
  void end_all(Error error);

  Crew& crew_;
  const Road& road_;
  const TransferOptions options_;
  Reporter& reporter_;
  const Lanes lanes_;
  std::atomic<std::uint32_t> connections_;  // for parts, all workers together
  LineGauge gauge_;
  Board board_;
  const std::deque<FileRecord>* files_ = nullptr;

  // What a lane of another worker cancels when everything ends; its scope is touched on the first
  // worker only, and gone once run() has ended.
  struct Stop {
    Scope* scope = nullptr;
  };
  std::shared_ptr<Stop> stop_ = std::make_shared<Stop>();
  Worker* first_worker_ = nullptr;

  std::shared_ptr<Twins> twins_ = std::make_shared<Twins>();

  std::mutex mutex_;
  std::optional<Error> first_error_;
  std::vector<Error> failures_;
  std::vector<FileIndex> failed_files_;  // whose they are
};

}  // namespace headrace
