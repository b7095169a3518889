// copy_sim.h: one seed: a world, a store, a folder, and copies of it into a bucket while things go
// wrong.
//
// As upload_sim.h has it for the Hub: workers, folder, memory, faults, somebody who rewrites a file
// or loses patience are drawn by chance; the copy goes through the front door. After the first copy
// the faults end and the folder is copied again, which must work. What must hold all the time:
// every object is whole, one of those that its file ever was; what a copy called done is there; an
// upload that is left was told of with how to abort it.
#pragma once

#include "tests/sim/seed_run.h"

namespace headrace {

SeedReport run_copy_seed(std::uint64_t seed);

}  // namespace headrace
