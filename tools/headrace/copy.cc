#include <fmt/format.h>

#include "engine/engine.h"
#include "tools/headrace/copy_request.h"
#include "tools/headrace/naming.h"
#include "tools/headrace/verbs.h"

namespace headrace {
namespace {

constexpr std::string_view after_stop =
    "run the same command again, with --skip-existing to leave alone what is there: objects that "
    "are whole stay; uploads under way are aborted, and headrace s3 ls shows what a store that was "
    "too slow for it still holds";

}  // namespace

int run_copy(const CopyArguments& arguments, Run& run) {
  Result<CopyRequest> request = prepare_copy(arguments, run.environment);
  if (!request) return end_with(request.error(), run);
  if (!arguments.dry_run) {
    if (Status online = check_online(run.settings); !online) return end_with(online.error(), run);
  }
  EngineOptions options = arguments.common.engine;
  options.tls.trust = trust_of(request->account, options.tls.trust);
  Result<std::unique_ptr<Engine>> engine = Engine::create(options);
  if (!engine) return end_with(engine.error(), run);
  for (const std::string& choice : (*engine)->choices()) {
    run.output.note(NoteLevel::debug, choice);
  }
  std::shared_ptr<Job> job = (*engine)->start(std::move(*request));
  const Following following{
      .common = arguments.common, .dry_run = arguments.dry_run, .after_stop = after_stop};
  return follow(**engine, *job, following, run);
}

}  // namespace headrace
