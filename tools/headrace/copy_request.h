// copy_request.h: from the arguments of `cp` and `s3` to what the engine takes.
//
// Pure but for the files of the AWS tools, read by the environment that is handed in.
// Fails with: bad_arguments, bad_bucket, and what s3_account.h fails with.
#pragma once

#include "engine/copy_request.h"
#include "engine/settings.h"
#include "tools/headrace/arguments.h"

namespace headrace {

Result<CopyRequest> prepare_copy(const CopyArguments&, const Environment&);

}  // namespace headrace
