// result.h: what an upload has done, whole once its job has ended.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/error.h"

namespace headrace {

struct LandedCommit {
  std::string oid;
  std::string url;
  std::string summary;
  std::uint64_t operations = 0;
};

struct UploadTotals {
  std::uint64_t files = 0;            // sent or found to be there already
  std::uint64_t files_unchanged = 0;  // of these, the same as in the repo
  std::uint64_t files_ignored = 0;    // by the server's reading of .gitignore
  std::uint64_t files_failed = 0;
  std::uint64_t bytes = 0;  // of all files
  std::uint64_t bytes_hashed = 0;
  std::uint64_t bytes_sent = 0;  // bodies, those sent twice counted twice
  std::uint64_t retries = 0;
  double seconds = 0;
  double cpu_seconds = 0;               // user and system, of the whole process
  std::uint64_t memory_peak_bytes = 0;  // resident
};

struct UploadResult {
  std::string url;                    // of the blob or tree page, or s3://BUCKET/KEY
  std::string pull_request_url;       // empty unless one was made
  std::vector<LandedCommit> commits;  // in order; empty where nothing had changed
  // Of the last commit, or of the one that is there already; empty where there are none at all.
  std::string commit_url;
  std::vector<Error> failures;         // of files that --keep-going left out
  std::vector<std::string> part_tags;  // of an upload to given URLs, in order
  UploadTotals totals;
};

}  // namespace headrace
