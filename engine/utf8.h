// utf8.h: reads UTF-8 one code point at a time, and says whether a name is UTF-8 at all.
//
// File names on Linux are bytes; paths in a repo are UTF-8. Overlong forms, surrogates and code
// points above U+10FFFF are invalid. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace headrace {

struct CodePoint {
  std::uint32_t value = 0;
  std::uint8_t size = 0;  // bytes taken, 1 for an invalid byte
  bool valid = false;     // false: `value` is U+DC00 + the byte, as Python's surrogateescape has it
};

// The code point that begins at `at`; `at` must be inside `text`.
CodePoint decode_utf8(std::string_view text, std::size_t at);
bool is_valid_utf8(std::string_view text);

}  // namespace headrace
