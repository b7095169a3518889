#include "net/retry.h"

#include <doctest/doctest.h>

namespace headrace {

TEST_CASE("which statuses may work later") {
  for (int status : {408, 425, 429, 500, 502, 503, 504, 507, 599}) {
    CAPTURE(status);
    CHECK(may_retry_status(status));
    CHECK(class_of_status(status) == ErrorClass::retry);
  }
  for (int status : {200, 301, 400, 401, 403, 404, 409, 412, 416, 501, 600}) {
    CAPTURE(status);
    CHECK(!may_retry_status(status));
    CHECK(class_of_status(status) == ErrorClass::fail);
  }
}

TEST_CASE("five tries, and only of what may pass") {
  RetryPolicy policy;
  Error reset = make_error(ErrorClass::retry, "x", "m");
  CHECK(may_retry(policy, reset, 4));
  CHECK(!may_retry(policy, reset, 5));
  CHECK(!may_retry(policy, make_error(ErrorClass::fail, "x", "m"), 1));
  CHECK(!may_retry(policy, make_error(ErrorClass::cancelled, "x", "m"), 1));
  CHECK(!may_retry(policy, make_error(ErrorClass::expired, "x", "m"), 1));
}

TEST_CASE("the window doubles up to its cap and jitter is full") {
  RetryPolicy policy;
  std::int64_t window_ms = 500;
  for (int tries = 1; tries <= 6; ++tries) {
    CHECK(retry_wait_ms(policy, tries, 0, -1) == 0);
    CHECK(retry_wait_ms(policy, tries, static_cast<std::uint64_t>(window_ms), -1) == window_ms);
    CHECK(retry_wait_ms(policy, tries, static_cast<std::uint64_t>(window_ms) + 1, -1) == 0);
    window_ms = std::min<std::int64_t>(8000, window_ms * 2);
  }
  CHECK(retry_wait_ms(policy, 1000, ~0ull, -1) <= 8000);
}

TEST_CASE("a server's wish is never undercut, up to five minutes") {
  RetryPolicy policy;
  CHECK(retry_wait_ms(policy, 1, 0, 12000) == 12000);
  CHECK(retry_wait_ms(policy, 1, 500, 12000) == 12500);
  CHECK(retry_wait_ms(policy, 1, 0, 0) == 0);
  CHECK(retry_wait_ms(policy, 1, 0, 10'000'000) == 300'000);
}

}  // namespace headrace
