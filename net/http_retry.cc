#include "net/http_retry.h"

#include "io/worker.h"

namespace headrace {

Task<Result<HttpAnswer>> send_retried(Scope& scope, HttpClient& client, HttpRequest& request,
                                      const RetryPolicy& policy, RetryObserver* observer) {
  CHECK(request.idempotent);
  Worker& worker = scope.worker();
  bool new_connection = request.new_connection;
  for (int tries = 1;; ++tries) {
    Result<HttpAnswer> answer = co_await client.send(scope, request);
    request.new_connection = new_connection;
    if (answer && !may_retry_status(answer->status)) co_return answer;
    Error error = answer ? error_of_answer(*answer, request, worker.backend().wall_seconds())
                         : std::move(answer.error());
    error.attempts = tries;
    if (!may_retry(policy, error, tries)) co_return fail(std::move(error));
    request.new_connection = new_connection || error.status == 0;
    std::int64_t wait_ms = retry_wait_ms(policy, tries, worker.prng().next(), error.retry_after_ms);
    if (observer) observer->retry_waits(error, wait_ms);
    bool slept = co_await worker.sleep(scope, std::chrono::milliseconds(wait_ms));
    if (!slept) {
      co_return fail(
          make_error(ErrorClass::cancelled, "cancelled", "cancelled while waiting for another try")
              .at(request.stage));
    }
    if (!observer) continue;
    Status goes_on = co_await observer->retry_goes_on(scope);
    if (!goes_on) co_return std::unexpected(std::move(goes_on.error()));
  }
}

}  // namespace headrace
