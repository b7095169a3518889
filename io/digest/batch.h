// batch.h: whole blocks of many streams at once, each stream as far as its bytes go.
//
// run_lanes puts the streams into the lanes of the kernel that suits their number. The streams with
// the most left always go first, a stretch at a time: so of three equal streams in two lanes none
// is left over to run alone, and streams of unequal length end nearly together. Two inputs may
// share data (a file's digest and its part's) but not a state. One thread; allocates nothing for up
// to 64 inputs.
#pragma once

#include <span>

#include "io/digest/kernel.h"

namespace headrace {

struct LaneInput {
  std::uint32_t* state = nullptr;
  const std::byte* data = nullptr;
  std::size_t blocks = 0;
};

// All `inputs` are used up afterwards: their states are final, their blocks 0.
void run_lanes(const KernelSet& set, std::span<LaneInput> inputs);

}  // namespace headrace
