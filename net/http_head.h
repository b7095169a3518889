// http_head.h: the heads of HTTP messages, read and written.
// HttpHead is what the parser hands out. Writing refuses whatever could break out of a line (CR,
// LF, NUL, other control characters), so no value can smuggle a field. The readers of Retry-After
// and RateLimit take what a server may send and answer nothing where they don't understand it.
// Pure. Sources: RFC 9110 (5.6.7 dates, 10.2.3 Retry-After), RFC 9112.
// Fails with: bad_header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/error.h"
#include "net/headers.h"

namespace headrace {

struct HttpHead {
  std::string method;  // of a request
  std::string target;  // of a request, as sent
  int status = 0;      // of an answer
  Headers headers;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = false;        // the connection may carry another message after this one
  bool expects_continue = false;  // a request that waits for 100 before its body
};

Result<std::string> write_request_head(std::string_view method, std::string_view target,
                                       const Headers&);
Result<std::string> write_answer_head(int status, const Headers&);
std::string_view reason_of(int status);

// A token of RFC 9110 (methods, field names), and a value that may stand in a field.
bool is_http_token(std::string_view);
bool is_field_value(std::string_view);
std::string_view trimmed(std::string_view);

// Seconds since 1970 of the three forms a date may have.
std::optional<std::int64_t> parse_http_date(std::string_view);
std::string http_date(std::int64_t unix_s);

// How long the other side wants us to stay away, in ms. A date in the past is 0.
std::optional<std::int64_t> parse_retry_after_ms(std::string_view value, std::int64_t now_unix_s);
// `"api";r=0;t=12`: 12000, as nothing is left of this window; nothing while r is above 0.
std::optional<std::int64_t> parse_rate_limit_ms(std::string_view value);
// The longer of the two, -1 where neither is there.
std::int64_t wait_asked_ms(const Headers&, std::int64_t now_unix_s);

}  // namespace headrace
