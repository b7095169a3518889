// subprocess.h: another program, run to its end without a shell, for what it prints.
//
// It reads nothing (/dev/null), shares no descriptor of ours, and begins with an ordinary signal
// mask in a process group of its own, which is ended as a whole when its time is over. Blocks the
// calling thread: run it as a blocking job.
// Fails with: program_not_found, program_failed, program_timeout, program_output_too_large.
#pragma once

#include <string>
#include <vector>

#include "io/clock.h"
#include "io/error.h"

namespace headrace {

struct ProcessLimits {
  Duration time = 60s;  // people log in meanwhile
  std::size_t output_max = 64 * 1024;
};

struct ProcessOutput {
  int exit_code = 0;  // 128 and the number where a signal ended it
  std::string out;
  std::string err;  // the last 4 KiB
};

// The name is looked for in PATH, unless it has a slash.
Result<ProcessOutput> run_process(const std::vector<std::string>& argv,
                                  const ProcessLimits& limits);

}  // namespace headrace
