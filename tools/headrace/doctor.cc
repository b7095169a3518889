#include <chrono>

#include <fmt/format.h>

#include "engine/engine.h"
#include "tools/headrace/naming.h"
#include "tools/headrace/sizes.h"
#include "tools/headrace/verbs.h"

namespace headrace {
namespace {

struct Counts {
  std::uint64_t ok = 0, warn = 0, fail = 0;
  bool may_pass = true;  // whatever failed may work later
};

void show(const std::vector<Finding>& findings, Counts& counts, Run& run) {
  for (const Finding& found : findings) {
    run.output.finding(found);
    counts.ok += found.verdict == Verdict::ok ? 1 : 0;
    counts.warn += found.verdict == Verdict::warn ? 1 : 0;
    if (found.verdict != Verdict::fail) continue;
    ++counts.fail;
    counts.may_pass = counts.may_pass && found.error && found.error->kind == ErrorClass::retry;
  }
}

}  // namespace

int run_doctor(const DoctorArguments& arguments, Run& run) {
  DoctorRequest request{
      .endpoint = run.settings.endpoint, .token = run.settings.token, .repo = std::nullopt};
  if (!arguments.repo_id.empty()) {
    Result<RepoUri> uri = name_repo(arguments.repo_id, arguments.repo_type, std::nullopt);
    if (!uri) return end_with(uri.error(), run);
    request.repo = std::move(uri->repo);
  }
  Counts counts;
  show(diagnose_machine(".", [] { return Time(std::chrono::steady_clock::now()); }), counts, run);
  if (Status online = check_online(run.settings); !online) {
    show({failed_finding("hub", "offline", std::move(online.error()))}, counts, run);
  } else if (Result<std::unique_ptr<Engine>> engine = Engine::create(arguments.common.engine);
             engine) {
    show((*engine)->diagnose(request), counts, run);
    show_requests(**engine, run);
  } else {
    show({failed_finding("hub", "engine", std::move(engine.error()))}, counts, run);
  }
  run.output.done(fmt::format("{} ok, {}, {} failed", counts.ok, count_text(counts.warn, "warning"),
                              counts.fail),
                  {{"ok", std::to_string(counts.ok)},
                   {"warn", std::to_string(counts.warn)},
                   {"fail", std::to_string(counts.fail)},
                   {"endpoint", run.settings.endpoint}});
  if (counts.fail == 0) return 0;
  return counts.may_pass ? exit_retry : exit_failed;
}

}  // namespace headrace
