// advice.h: what to do next about an error, for those that say it of themselves are few. Pure.
#pragma once

#include "io/error.h"

namespace headrace {

// The error with a hint: its own, or else what its class, status and code suggest. Every error that
// leaves the front door has been here.
Error advised(Error error);

}  // namespace headrace
