// unfinished.h: uploads of a bucket that were begun and neither completed nor aborted, and how much
// of each the store has: what a later run could go on from.
//
// A list, and then one question an upload, sixteen side by side. An upload that ends meanwhile is
// left out; of one whose parts may not be listed, or come in another shape than S3's (moto),
// nothing is said but that it is there. Fails with: what the client fails with.
#pragma once

#include "engine/copy_request.h"
#include "engine/s3/client.h"

namespace headrace {

class UnfinishedList {
 public:
  UnfinishedList(S3Client& client, std::string bucket)
      : client_(client), bucket_(std::move(bucket)) {}

  // Those whose keys begin with `prefix`. Without `parts` nothing is asked of each.
  Task<Result<std::vector<UnfinishedUpload>>> run(Scope& scope, const std::string& prefix,
                                                  bool parts);

 private:
  Task<void> look_at(Scope& scope, UnfinishedUpload& upload, bool& ended);

  S3Client& client_;
  const std::string bucket_;
  std::optional<Error> first_error_;
};

}  // namespace headrace
