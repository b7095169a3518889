// http_retry.h: a request until it gets an answer that is worth looking at.
//
// send_retried() sends, and where the failure may pass (network errors, 408, 425, 429, 5xx but
// 501) waits as retry.h says and sends again, after a network error on a new connection. Only for
// requests that may be sent twice. Any other answer, good or bad, is returned as it is; when the
// tries are used up, the last failure is returned as an error with the number of tries.
#pragma once

#include "net/http_client.h"
#include "net/retry.h"

namespace headrace {

// Told of each wait, so that a permit can be given back meanwhile.
class RetryObserver {
 public:
  virtual ~RetryObserver() = default;
  virtual void retry_waits(const Error& error, std::int64_t wait_ms) = 0;
  // Before the next try; a status that is an error ends the tries with it.
  virtual Task<Status> retry_goes_on(Scope& scope) = 0;
};

Task<Result<HttpAnswer>> send_retried(Scope& scope, HttpClient& client, HttpRequest& request,
                                      const RetryPolicy& policy = {},
                                      RetryObserver* observer = nullptr);

}  // namespace headrace
