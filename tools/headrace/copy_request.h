// copy_request.h: from the arguments of `cp` and `s3` to what the engine takes.
//
// Pure but for the files of the AWS tools, read by the environment that is handed in.
// Fails with: bad_arguments, bad_bucket, and what s3_account.h fails with.
#pragma once

#include <string>
#include <string_view>

#include "engine/copy_request.h"
#include "engine/settings.h"
#include "tools/headrace/arguments.h"

namespace headrace {

struct StoreAddress {
  std::string bucket;
  std::string key;  // or what keys begin with; may be empty
};
// s3://BUCKET[/KEY]
Result<StoreAddress> parse_store_address(std::string_view text);

Result<CopyRequest> prepare_copy(const CopyArguments&, const Environment&);

}  // namespace headrace
