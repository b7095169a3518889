// shapes.h: what ids and URLs from a server must look like before they are used. Pure.
#pragma once

#include <algorithm>
#include <string_view>

namespace headrace {

// Lower or upper case hex digits, `size` of them.
inline bool is_hex(std::string_view text, std::size_t size) {
  return text.size() == size && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

// An absolute http or https address with a host, without blanks, controls and non-ASCII, of a
// length that fits a request line.
inline bool is_web_url(std::string_view url) {
  constexpr std::size_t url_bytes_max = 16 * 1024;
  std::size_t host = 0;
  if (url.starts_with("http://")) host = 7;
  if (url.starts_with("https://")) host = 8;
  if (host == 0 || url.size() <= host || url.size() > url_bytes_max) return false;
  if (url[host] == '/' || url[host] == '?' || url[host] == '#') return false;
  return std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace headrace
