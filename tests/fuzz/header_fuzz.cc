// What is written into a head, and what is read out of its fields: lines of name and value.
#include <algorithm>

#include "net/http_client.h"
#include "net/http_head.h"
#include "tests/fuzz/fuzz.h"

namespace headrace {
namespace {

std::size_t lines_of(std::string_view head) {
  return static_cast<std::size_t>(std::ranges::count(head, '\n'));
}

// No value may smuggle a field in: as many lines as fields, the first line and the empty one.
void check_written(const Result<std::string>& head, const Headers& headers) {
  if (!head) {
    MUST(head.error().code == "bad_header");
    return;
  }
  MUST(lines_of(*head) == headers.size() + 2);
  MUST(static_cast<std::size_t>(std::ranges::count(*head, '\r')) == headers.size() + 2);
  MUST(head->ends_with("\r\n\r\n") || headers.empty());
}

void check_waits(std::string_view value) {
  constexpr std::int64_t now = 1'764'000'000;
  std::optional<std::int64_t> wait = parse_retry_after_ms(value, now);
  MUST(!wait || (*wait >= 0 && *wait <= 366LL * 86400 * 1000));
  std::optional<std::int64_t> limit = parse_rate_limit_ms(value);
  MUST(!limit || (*limit >= 0 && *limit <= 366LL * 86400 * 1000));
  std::optional<std::int64_t> date = parse_http_date(value);
  if (!date) return;
  // A date that was understood can be written, and says the same.
  if (*date >= 0) MUST(parse_http_date(http_date(*date)) == date);
}

void check_redaction(std::string_view text) {
  std::string shown = redact_text(text);
  for (char c : shown) {
    MUST(c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20);
  }
  (void)redact_url(text);
  MUST(redact_text(text, 10).size() <= 10 + 3 + 400);
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace headrace;
  std::string_view input = text_of_input(data, size);
  std::string_view method = take_until(input, '\x01');
  std::string_view target = take_until(input, '\x01');
  Headers headers;
  while (!input.empty()) {
    std::string_view name = take_until(input, '\x02');
    std::string_view value = take_until(input, '\x01');
    headers.add(name, value);
    check_waits(value);
    check_redaction(value);
  }
  check_written(write_request_head(method, target, headers), headers);
  check_written(write_answer_head(200, headers), headers);
  MUST(wait_asked_ms(headers, 0) >= -1);
  (void)request_id_of(headers);
  return 0;
}
