// trial.h: S3TrialRun, finds out what a store is to be told of checksums: by its name, as an
// earlier trial showed, or by a trial now. Contract of the verdict: checksum_use.h.
//
// A trial is five small requests and leaves nothing in the bucket, but for what `unfinished`
// says, which is for whoever asked to abort. What it showed is kept in `memory`, a file; a file
// that can't be read or written is no trouble. Fails with: what the client fails with, where the
// store takes no upload at all.
#pragma once

#include "engine/s3/checksum_use.h"
#include "engine/s3/client.h"

namespace headrace {

struct S3TrialRun {
  S3Client& client;
  const S3Access& access;
  S3Place place;       // an object of that key could be; none is made
  std::string memory;  // empty: nothing is remembered
  // Else a store that is not known goes by checksums_untried().
  bool may_try = true;
  // The upload that it began and could not abort; empty: none.
  std::string unfinished{};

  Task<Result<S3ChecksumUse>> choose(Scope& scope);

 private:
  Task<Result<S3ChecksumUse>> try_out(Scope& scope);
  Task<Result<std::string>> begin(Scope& scope, S3Trial& trial);
  Task<Status> send_part(Scope& scope, const std::string& upload, S3Trial& trial);
  Task<Status> look_at_part(Scope& scope, const std::string& upload, S3Trial& trial);
  std::string endpoint() const;
};

}  // namespace headrace
