#include <chrono>

#include "engine/engine.h"
#include "tools/headrace/verbs.h"

namespace headrace {

int run_bench(const BenchArguments& arguments, Run& run) {
  const auto clock = [] { return Time(std::chrono::steady_clock::now()); };
  std::uint64_t unknown = 0;
  for (const Finding& found : bench_machine(arguments.folder, clock)) {
    run.output.finding(found);
    unknown += found.verdict == Verdict::ok ? 0 : 1;
  }
  run.output.done("of what this machine can do; a slower line or server bounds it instead",
                  {{"unknown", std::to_string(unknown)}});
  return 0;
}

}  // namespace headrace
