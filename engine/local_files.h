// local_files.h: from what a request names on this machine to the files that go up.
//
// Walks, filters and names; nothing is sent. Blocks: run it as a blocking job, away from workers.
// Errors: no_such_path, not_a_file, walk_failed, bad_path_in_repo, not_utf8 and what a filter says.
#pragma once

#include <atomic>

#include "engine/reporter.h"
#include "engine/request.h"
#include "engine/scheduler.h"

namespace headrace {

struct LocalFiles {
  std::vector<FileRecord> files;  // in the order in which they will stand in the commit
  std::uint64_t bytes = 0;
  std::uint64_t filtered = 0;                                 // left out by patterns
  std::vector<std::pair<std::string, std::string>> left_out;  // path, why
  bool folder = false;                                        // the request names a folder
};

Result<LocalFiles> find_local_files(const UploadRequest& request, const std::atomic<bool>& stop);

// Into the events, the progress and the totals of whatever sends them.
void tell_of_scan(const LocalFiles& found, Reporter& reporter, UploadTotals& totals);

}  // namespace headrace
