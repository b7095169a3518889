// upload_request.h: from the arguments of `upload` to the request that the engine takes.
//
// Pure but for the look at the local path. Warnings are what a person should know and what stops
// nothing. Fails with what naming.h and local_paths.h fail with, and bad_path_in_repo.
#pragma once

#include <string>
#include <vector>

#include "engine/request.h"
#include "engine/settings.h"
#include "tools/headrace/arguments.h"
#include "tools/headrace/local_paths.h"

namespace headrace {

struct PreparedUpload {
  UploadRequest request;
  std::vector<std::string> warnings;
};
Result<PreparedUpload> prepare_upload(const UploadArguments&, const Settings&, const LookAt&);

}  // namespace headrace
