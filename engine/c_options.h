// c_options.h: from the structs of headrace.h to the values that the front door takes.
//
// Each struct begins with its size: what a shorter one lacks is zero, and what a longer one has
// beyond ours has to be. Everything is copied, but for bytes in memory.
// Fails with: bad_options, and what settings, repo names and addresses of buckets fail with.
#pragma once

#include "engine/copy_request.h"
#include "engine/event.h"
#include "engine/headrace.h"
#include "engine/options.h"
#include "engine/request.h"
#include "engine/urls_request.h"

namespace headrace {

Result<EngineOptions> options_from_c(const headrace_engine_options* given);
Result<UploadRequest> request_from_c(const headrace_hub_upload* given);
Result<CopyRequest> request_from_c(const headrace_s3_upload* given);
Result<UrlsRequest> request_from_c(const headrace_urls_upload* given);
// Of what goes out: as much of `progress` as its size says.
Status progress_to_c(const Progress& progress, headrace_progress* into);

}  // namespace headrace
