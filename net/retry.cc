#include "net/retry.h"

#include <algorithm>

namespace headrace {

bool may_retry_status(int status) {
  return status == 408 || status == 425 || status == 429 ||
         (status >= 500 && status <= 599 && status != 501);
}

ErrorClass class_of_status(int status) {
  return may_retry_status(status) ? ErrorClass::retry : ErrorClass::fail;
}

bool may_retry(const RetryPolicy& policy, const Error& error, int tries_made) {
  return error.kind == ErrorClass::retry && tries_made < policy.tries_max;
}

std::int64_t retry_wait_ms(const RetryPolicy& policy, int tries_made, std::uint64_t random,
                           std::int64_t asked_ms) {
  int doublings = std::clamp(tries_made - 1, 0, 30);
  std::int64_t window_ms = std::min(policy.cap_ms, policy.base_ms << doublings);
  auto jitter = [random](std::int64_t width_ms) {
    return static_cast<std::int64_t>(random % (static_cast<std::uint64_t>(width_ms) + 1));
  };
  if (asked_ms < 0) return jitter(window_ms);
  return std::min(asked_ms, policy.asked_cap_ms) + jitter(policy.base_ms);
}

}  // namespace headrace
