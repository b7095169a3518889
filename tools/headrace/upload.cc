#include <chrono>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/engine.h"
#include "tools/headrace/naming.h"
#include "tools/headrace/sizes.h"
#include "tools/headrace/upload_request.h"
#include "tools/headrace/verbs.h"
#include "tools/headrace/watch.h"

namespace headrace {
namespace {

std::int64_t monotonic_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

// As SIGUSR2 does with rclone: off, and on again.
std::string switch_rate_limit(Engine& engine, std::uint64_t asked) {
  if (asked == 0) return "no rate limit was asked for, so none is lifted";
  if (engine.rate_limit() > 0) {
    engine.limit_rate(0);
    return "the rate limit is off";
  }
  engine.limit_rate(asked);
  return fmt::format("the rate limit is {}/s again", size_text(static_cast<double>(asked)));
}

Watched watched_job(Job& job, Engine& engine, const Following& following, Interrupts& interrupts) {
  std::uint64_t rate_asked = following.common.engine.rate_limit;
  return {
      .next_event = [&job](std::chrono::milliseconds timeout) { return job.next_event(timeout); },
      .ended = [&job] { return job.ended(); },
      .cancel = [&job] { job.cancel(); },
      .wait = [&job] { return job.wait(); },
      .signal = [&interrupts] { return interrupts.take(); },
      .switch_rate_limit = [&engine, rate_asked] { return switch_rate_limit(engine, rate_asked); },
      .now_ms = monotonic_ms,
      .after_stop = std::string(following.after_stop)};
}

// A signal that was seen decides the exit code, as a shell expects it.
int end_of(const WatchEnd& end, bool dry_run, Run& run) {
  if (end.result) {
    run.output.uploaded(*end.result, dry_run);
    return end.result->failures.empty() ? 0 : exit_failed;
  }
  const int code = end.signal != 0 && end.result.error().kind == ErrorClass::cancelled
                       ? exit_interrupted
                       : exit_code_of(end.result.error());
  run.output.failed(end.result.error(), code);
  return code;
}

}  // namespace

void show_requests(Engine& engine, Run& run) {
  for (const std::string& line : engine.take_requests()) run.output.note(NoteLevel::debug, line);
}

int end_with(const Error& error, Run& run) {
  const int code = exit_code_of(error);
  run.output.failed(error, code);
  return code;
}

int follow(Engine& engine, Job& job, const Following& following, Run& run) {
  const WatchEnd end = watch(watched_job(job, engine, following, run.interrupts), run.output);
  const int code = end_of(end, following.dry_run, run);
  // The engine waits for its jobs when it is destroyed; one that was left behind ends with us.
  if (end.abandoned) ::_exit(code);
  return code;
}

int run_upload(const UploadArguments& arguments, Run& run) {
  Result<PreparedUpload> prepared = prepare_upload(arguments, run.settings, look_at_path);
  if (!prepared) return end_with(prepared.error(), run);
  for (const std::string& warning : prepared->warnings) {
    run.output.note(NoteLevel::warning, warning);
  }
  if (!arguments.dry_run) {
    if (Status online = check_online(run.settings); !online) return end_with(online.error(), run);
  }
  Result<std::unique_ptr<Engine>> engine = Engine::create(arguments.common.engine);
  if (!engine) return end_with(engine.error(), run);
  for (const std::string& choice : (*engine)->choices()) {
    run.output.note(NoteLevel::debug, choice);
  }
  std::shared_ptr<Job> job = (*engine)->start(std::move(prepared->request));
  const Following following{
      .common = arguments.common,
      .dry_run = arguments.dry_run,
      .after_stop = "run the same command again to go on: what was sent and committed stays"};
  return follow(**engine, *job, following, run);
}

}  // namespace headrace
