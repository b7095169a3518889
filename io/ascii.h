// ascii.h: letters of ASCII in lower case, whatever the locale: names of headers, schemes, hosts.
#pragma once

#include <string>
#include <string_view>

namespace headrace {

constexpr char lowered(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string lowered(std::string_view text) {
  std::string copy(text);
  for (char& c : copy) c = lowered(c);
  return copy;
}

}  // namespace headrace
