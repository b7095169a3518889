// local_objects.h: from what a copy names on this machine to the files that go up, each with the
// key that it gets.
//
// A file alone gets the prefix as its key, or its name below it where that ends with a slash or is
// empty; of a folder alone all below it goes under the prefix; of several sources each keeps its
// own name there. Walks, filters and names; nothing is sent. Blocks: run it as a blocking job.
// Errors: no_such_path, not_a_file, walk_failed, bad_key.
#pragma once

#include <atomic>

#include "engine/copy_request.h"
#include "engine/local_files.h"

namespace headrace {

Result<LocalFiles> find_local_objects(const CopyRequest& request, const std::atomic<bool>& stop);

// Whether a store takes it: valid UTF-8, 1 to 1024 bytes.
Status check_key(std::string_view key);

}  // namespace headrace
