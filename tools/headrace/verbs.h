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
class Job;

struct Run {
  const Environment& environment;
  Interrupts& interrupts;
  Output& output;
  Settings settings;
};

int run_upload(const UploadArguments&, Run&);
int run_copy(const CopyArguments&, Run&);
int run_store(const StoreArguments&, Run&);
int run_repo(const RepoArguments&, Run&);
int run_whoami(const WhoAmIArguments&, Run&);
int run_doctor(const DoctorArguments&, Run&);
int run_bench(const BenchArguments&, Run&);
// Shows the requests that single calls have made, where they were asked for.
void show_requests(Engine&, Run&);
// Follows a job to its end, shows it, and says what the process ends with. `after_stop` is the hint
// for whoever stops it.
struct Following {
  const CommonArguments& common;
  bool dry_run = false;
  std::string_view after_stop;
};
int follow(Engine&, Job&, const Following&, Run&);
// Shows the error and says what the process ends with.
int end_with(const Error&, Run&);

}  // namespace headrace
