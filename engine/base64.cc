#include "engine/base64.h"

#include <algorithm>

namespace headrace {
namespace {

constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char* put_group(char* to, std::uint32_t group) {
  to[0] = alphabet[group >> 18];
  to[1] = alphabet[group >> 12 & 63];
  to[2] = alphabet[group >> 6 & 63];
  to[3] = alphabet[group & 63];
  return to + 4;
}

std::uint32_t group_of(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 16 | std::uint32_t{bytes[1]} << 8 | bytes[2];
}

}  // namespace

void Base64Encoder::update(std::span<const std::byte> bytes, std::string& out) {
  const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t left = bytes.size();
  if (waiting_count_ > 0) {
    while (waiting_count_ < 3 && left > 0) waiting_[waiting_count_++] = *from++, --left;
    if (waiting_count_ < 3) return;
    char group[4];
    put_group(group, group_of(waiting_));
    out.append(group, 4);
    waiting_count_ = 0;
  }
  const std::size_t groups = left / 3;
  const std::size_t begin = out.size();
  out.resize(begin + groups * 4);
  char* to = out.data() + begin;
  for (std::size_t i = 0; i < groups; ++i, from += 3) to = put_group(to, group_of(from));
  waiting_count_ = left % 3;
  std::copy_n(from, waiting_count_, waiting_);
}

void Base64Encoder::finish(std::string& out) {
  if (waiting_count_ > 0) {
    std::fill(waiting_ + waiting_count_, waiting_ + 3, std::uint8_t{0});
    char group[4];
    put_group(group, group_of(waiting_));
    out.append(group, waiting_count_ + 1);
    out.append(3 - waiting_count_, '=');
  }
  waiting_count_ = 0;
}

std::string base64_encode(std::string_view bytes) {
  std::string text;
  text.reserve(base64_size(bytes.size()));
  Base64Encoder encoder;
  encoder.update(std::as_bytes(std::span(bytes)), text);
  encoder.finish(text);
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  std::string_view digits = text;
  while (digits.ends_with('=')) digits.remove_suffix(1);
  std::string bytes;
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (char c : digits) {
    const std::size_t value = std::string_view(alphabet).find(c);
    if (value == std::string_view::npos) return std::nullopt;
    group = group << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(group >> bits & 0xff);
  }
  // One text for each value: right padding, and no bits that were set and left over.
  if (base64_encode(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace headrace
