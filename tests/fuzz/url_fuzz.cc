// URLs and references, one after the other on a line each.
#include "net/url.h"
#include "tests/fuzz/fuzz.h"

namespace headrace {
namespace {

bool fits_request_line(std::string_view target) {
  for (char c : target) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      return false;
  }
  return target.starts_with('/');
}

void check(const Url& url) {
  MUST(url.scheme == "http" || url.scheme == "https");
  MUST(!url.host.empty() && url.port != 0);
  MUST(fits_request_line(url.target));
  MUST(fits_request_line("/" + url.host));
  // What was read is read again as the same.
  Result<Url> again = Url::parse(url.text());
  MUST(again && *again == url);
  MUST(url.redacted().find('?') == std::string::npos);
  MUST(url.redacted() == redact_url(url.text()));
  // Within a text it is cut as it is by itself.
  if (url.text().size() < 1000 && url.text().find_first_of("\"<>") == std::string::npos) {
    std::string cut = url.redacted();
    if (url.target.find('?') != std::string::npos) cut += "?…";
    MUST(redact_text("see " + url.text() + " there") == "see " + cut + " there");
  }
  MUST(same_origin(url, url));
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace headrace;
  std::string_view input = text_of_input(data, size);
  std::string_view first = take_until(input, '\n');
  Result<Url> url = Url::parse(first);
  if (url) {
    check(*url);
    Result<Url> resolved = url->resolve(input);
    if (resolved) check(*resolved);
  }
  Result<std::string> decoded = percent_decode(percent_encode(first));
  MUST(decoded && *decoded == first);
  (void)percent_decode(first);
  return 0;
}
