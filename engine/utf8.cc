#include "engine/utf8.h"

namespace headrace {

CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t offset) {
    return static_cast<std::uint8_t>(text[at + offset]);
  };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {.value = lead, .size = 1, .valid = true};
  const CodePoint invalid = {.value = 0xdc00U + lead, .size = 1, .valid = false};
  std::uint8_t size = 0;
  std::uint32_t value = 0;
  std::uint32_t value_min = 0;
  if ((lead & 0xe0) == 0xc0) {
    size = 2, value = lead & 0x1f, value_min = 0x80;
  } else if ((lead & 0xf0) == 0xe0) {
    size = 3, value = lead & 0x0f, value_min = 0x800;
  } else if ((lead & 0xf8) == 0xf0) {
    size = 4, value = lead & 0x07, value_min = 0x10000;
  } else {
    return invalid;
  }
  if (text.size() - at < size) return invalid;
  for (std::uint8_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return invalid;
    value = value << 6 | (byte(i) & 0x3f);
  }
  if (value < value_min || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return invalid;
  return {.value = value, .size = size, .valid = true};
}

bool is_valid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    if (!point.valid) return false;
    at += point.size;
  }
  return true;
}

}  // namespace headrace
