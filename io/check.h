// check.h: what we hold true of our own code.
// CHECK is on in every build and ends the process with the line; DCHECK guards hot loops and is
// on unless NDEBUG. Neither is for what a peer, a disk or a user may send: those are errors.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace headrace {
[[noreturn]] inline void check_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "headrace: broken invariant: %s (%s:%d)\n", what, file, line);
  std::abort();
}
}  // namespace headrace

// Headers write HEADRACE_CHECK: in a test, CHECK is doctest's, and one inline function must not
// mean two things.
#define HEADRACE_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::headrace::check_failed(#condition, __FILE__, __LINE__))
#ifndef DOCTEST_LIBRARY_INCLUDED
#define CHECK(condition) HEADRACE_CHECK(condition)
#endif
#ifdef NDEBUG
#define DCHECK(condition) static_cast<void>(0)
#else
#define DCHECK(condition) HEADRACE_CHECK(condition)
#endif
