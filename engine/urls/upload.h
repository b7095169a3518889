// upload.h: UrlsUpload, one file or piece of memory to given URLs: no negotiation, no digest.
//
// run() once, on a worker of the crew; everything it starts has ended when it returns. Any worker
// sends any part. The file must stay what it was when the upload began. Cancelling the scope ends
// it with class cancelled.
// Fails with: bad_part_urls, bad_url, and what transfer, source and parts fail with.
#pragma once

#include "engine/crew.h"
#include "engine/reporter.h"
#include "engine/result.h"
#include "engine/source.h"
#include "engine/urls_request.h"

namespace headrace {

class UrlsUpload {
 public:
  UrlsUpload(Crew& crew, UrlsRequest request, std::uint32_t connections, Reporter& reporter)
      : crew_(crew), request_(std::move(request)), connections_(connections), reporter_(reporter) {}
  Task<Result<UploadResult>> run(Scope& scope);

 private:
  Task<Result<std::uint64_t>> source_size(Scope& scope) const;
  std::unique_ptr<Source> source(std::uint64_t length) const;
  // How many bytes go, of a source of this size; or what in the request cannot be.
  Result<std::uint64_t> length_of(std::uint64_t source_size) const;
  std::uint32_t connections() const;

  Crew& crew_;
  const UrlsRequest request_;
  const std::uint32_t connections_;
  Reporter& reporter_;
};

}  // namespace headrace
