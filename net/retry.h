// retry.h: may this be tried again, and when.
// Pure: randomness and the server's wish come in as values. Five tries with full jitter spread a
// crowd of workers over the window; fewer would give up on a restart of a load balancer (about
// 10 s), more would hold a person for minutes before a dead host is named.
#pragma once

#include <cstdint>

#include "io/error.h"

namespace headrace {

struct RetryPolicy {
  int tries_max = 5;
  std::int64_t base_ms = 500;
  std::int64_t cap_ms = 8000;
  // The longest Retry-After we obey. Rate limits of the Hub come in windows of five minutes.
  std::int64_t asked_cap_ms = 300'000;
};

// 408, 425, 429 and 5xx but 501 may work later; everything else needs a person.
bool may_retry_status(int status);
ErrorClass class_of_status(int status);
// True where `error` may pass and `tries_made` leaves a try.
bool may_retry(const RetryPolicy&, const Error& error, int tries_made);
// How long to wait after `tries_made` tries. `random` is any 64 random bits; `asked_ms` is the
// server's wish or -1. A wish is never undercut (up to the cap) and gets a little jitter on top,
// so that those who were sent away together don't come back together.
std::int64_t retry_wait_ms(const RetryPolicy&, int tries_made, std::uint64_t random,
                           std::int64_t asked_ms);

}  // namespace headrace
