// command.h: `headrace hub`, from its arguments to its end.
// Prints one line on standard output, `listening on http://HOST:PORT` (https with --cert), when it
// is ready, and serves until SIGINT or SIGTERM. Called before any other thread is started.
#pragma once

#include <string>
#include <vector>

namespace headrace::hub {

// `arguments` stand behind the word hub. Returns the exit code: 0, 1 (it failed), 2 (wrong usage).
int run_command(std::vector<std::string> arguments);

}  // namespace headrace::hub
