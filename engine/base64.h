// base64.h: base64 (RFC 4648, with padding), whole or piece by piece.
//
// Pure; an encoder belongs to one stream.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace headrace {

constexpr std::uint64_t base64_size(std::uint64_t bytes) { return (bytes + 2) / 3 * 4; }

std::string base64_encode(std::string_view bytes);
// The bytes again; nothing unless base64_encode would make this text of them.
std::optional<std::string> base64_decode(std::string_view text);

// Takes pieces of any size and appends text; what does not fill a group of three waits inside.
class Base64Encoder {
 public:
  void update(std::span<const std::byte> bytes, std::string& out);
  // Pads what waits. The encoder is as new afterwards.
  void finish(std::string& out);
  void reset() { waiting_count_ = 0; }

 private:
  std::uint8_t waiting_[3] = {};
  std::size_t waiting_count_ = 0;
};

}  // namespace headrace
