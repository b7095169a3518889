// verbs.h: one function a verb: asks the engine, shows what comes, returns the exit code.
//
// Each runs on main's thread; the Interrupts were made before any other thread.
#pragma once

#include "engine/settings.h"
#include "tools/headrace/arguments.h"
#include "tools/headrace/interrupt.h"
#include "tools/headrace/output.h"

namespace headrace {

class Engine;

struct Run {
  const Environment& environment;
  Interrupts& interrupts;
  Output& output;
  Settings settings;
};

int run_upload(const UploadArguments&, Run&);
int run_repo(const RepoArguments&, Run&);
int run_whoami(const WhoAmIArguments&, Run&);
int run_doctor(const DoctorArguments&, Run&);
// Shows the requests that single calls have made, where they were asked for.
void show_requests(Engine&, Run&);
// Shows the error and says what the process ends with.
int end_with(const Error&, Run&);

}  // namespace headrace
