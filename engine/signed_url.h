// signed_url.h: what stores say when a signed URL has run out, and the error that is made of it.
// Pure; any thread. Source: what S3 and the stores that speak its language write into a 403.
#pragma once

#include <cstdint>
#include <string_view>

#include "io/error.h"

namespace headrace {

// Whether a refusal means that the right ran out: its body says so, or its stated end is past.
// `expires_at` and `now` in seconds since 1970; 0: no end is known.
bool says_expired(int status, std::string_view body, std::int64_t expires_at, std::int64_t now);
// Of class expired, with what to do about it.
void become_url_expired(Error& error);

}  // namespace headrace
