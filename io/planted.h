// planted.h: mistakes made on purpose, to prove that the simulation finds them.
//
// They live in sources that tests/sim compiles a second time with HEADRACE_PLANTED_FAULTS, and even
// there only the one that the test switches on is made. Everywhere else planted() is a constant
// false. For .cc files only: a header that asked would mean two things in one program.
#pragma once

#include <cstdint>

namespace headrace {

enum class Planted : std::uint8_t {
  none,
  early_release,  // a block is let go when its send is done, not when it is released
  orphan_child,   // a scope is left while a child of it is running
  stale_part,     // parts confirmed under one upload are taken for parts of the next
};

#ifdef HEADRACE_PLANTED_FAULTS
extern Planted planted_fault;  // set before anything runs
[[maybe_unused]] static bool planted(Planted which) { return planted_fault == which; }
#else
[[maybe_unused]] static constexpr bool planted(Planted) { return false; }
#endif

}  // namespace headrace
