#include "io/digest/digest.h"

namespace headrace {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

int value_of(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_hex(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::byte byte : bytes) {
    text += hex_digits[std::to_integer<unsigned>(byte) >> 4];
    text += hex_digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

std::string DigestValue::hex() const { return to_hex(span()); }

std::optional<DigestValue> from_hex(std::string_view text) {
  if (text.size() % 2 != 0 || text.size() / 2 > digest_size_max) return std::nullopt;
  DigestValue value;
  for (std::size_t at = 0; at < text.size(); at += 2) {
    int high = value_of(text[at]);
    int low = value_of(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    value.bytes[value.size++] = static_cast<std::byte>(high << 4 | low);
  }
  return value;
}

}  // namespace headrace
