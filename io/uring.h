// uring.h: the kernel's io_uring as a Backend. The only file that knows liburing.
//
// A ring belongs to the thread that made it (SINGLE_ISSUER and DEFER_TASKRUN from Linux 6.1,
// cooperative task running from 5.19, neither before). Linux 5.15 is the oldest kernel meant. Plain
// sends only: done and released coincide.
#pragma once

#include <memory>

#include "io/backend.h"

namespace headrace {

// A ring for the calling thread. Fails with `io_uring_forbidden` (EPERM, ENOSYS: the hint names the
// setting), `io_uring_memlock` or `io_uring_failed`.
Result<std::unique_ptr<Backend>> make_uring();

// What setting up a ring found, for `-v` and for a diagnosis: "single issuer, deferred task work" …
Result<std::string> describe_uring();

}  // namespace headrace
