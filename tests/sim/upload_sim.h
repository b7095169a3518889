// upload_sim.h: one seed: a world, a hub, a folder, and uploads of it while things go wrong.
//
// A seed draws how many workers there are, the folder, what is asked of the upload (a branch, a
// pull request, deletions), the memory, the faults, and whether somebody changes or removes a file
// or stops the upload on the way. It goes through the front door and walks a real folder. After the
// first upload, whatever became of it, the faults end and the folder goes up again, which must work
// and leave the repo as the folder is.
// What is found wrong comes back as sentences; none for a sound seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headrace {

struct SeedReport {
  std::vector<std::string> problems;
  std::string summary;  // what the seed was and what became of it
  bool first_worked = false;
  std::uint64_t trace = 0;
};
SeedReport run_upload_seed(std::uint64_t seed);

}  // namespace headrace
