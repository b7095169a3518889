// copy.h: S3Copy, one copy into a bucket from the walk of the folder to the last object.
//
// run() once, on a worker of the crew; everything it starts has ended when it returns. Objects
// appear one by one, each whole or not at all. Uploads that it does not end are aborted before it
// returns: within 600 ms if it was told to stop, within 10 s if it failed; one that could not be
// aborted in that time stays, and a note says how to abort it.
// Errors: those of the road; no_such_path and its like.
#pragma once

#include "engine/copy_request.h"
#include "engine/crew.h"
#include "engine/reporter.h"
#include "engine/s3/local_objects.h"
#include "engine/s3/road.h"
#include "engine/s3/stream.h"
#include "engine/transfer.h"

namespace headrace {

class S3Copy {
 public:
  S3Copy(Crew& crew, CopyRequest request, std::uint32_t connections, Reporter& reporter);
  Task<Result<UploadResult>> run(Scope& scope);

 private:
  Task<Status> scan(Scope& scope);
  Result<UploadResult> plan_only();
  Task<Status> prepare(Scope& scope);
  Task<Status> choose_checksums(Scope& scope, S3Client& client);
  Task<Status> transfer(Scope& scope);
  Task<Status> transfer_input(Scope& scope);
  bool reads_input() const { return request_.sources.size() == 1 && request_.sources[0] == "-"; }
  Task<void> abort_unfinished(Scope& scope, bool stopped);
  Task<void> abort_one(Scope& scope, S3Begun begun);
  Task<bool> abort_for_good(Scope& scope, const S3Begun& begun);
  void tell_news();
  void finish_result();
  void count_files();
  S3RoadOptions road_options() const;
  std::uint64_t usual_part_size() const;

  Crew& crew_;
  const CopyRequest request_;
  const std::uint32_t connections_;
  Reporter& reporter_;
  std::shared_ptr<S3Access> access_;
  S3ChecksumUse use_;
  std::optional<S3Begun> tried_;  // an upload of the trial that is still there
  LocalFiles local_;
  std::unique_ptr<S3Road> road_;
  std::unique_ptr<Transfer> transfer_;
  std::shared_ptr<const S3Object> input_unfinished_;  // an upload of standard input
  UploadResult result_;
};

}  // namespace headrace
