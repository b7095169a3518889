// upload_sim.h: one seed: a world, a hub, a folder, and uploads of it while things go wrong.
//
// A seed draws how many workers there are, the folder, what is asked of the upload (a branch, a
// pull request, deletions), the memory, the faults, and whether somebody changes or removes a file
// or stops the upload on the way. It goes through the front door and walks a real folder. After the
// first upload, whatever became of it, the faults end and the folder goes up again, which must work
// and leave the repo as the folder is.
#pragma once

#include "tests/sim/seed_run.h"

namespace headrace {

SeedReport run_upload_seed(std::uint64_t seed);

}  // namespace headrace
