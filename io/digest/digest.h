// digest.h: a digest over bytes that arrive in pieces, and its value.
//
// A Digest is fed with update() in order and ends with finish(), after which it stands at the
// beginning of a new message. One thread at a time; no allocation after construction. It cannot
// fail: what libcrypto may refuse (no such algorithm, no memory) breaks an invariant of the build.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace headrace {

inline constexpr std::size_t digest_size_max = 32;

// What finish() returns: 32 bytes for SHA-256, 20 for SHA-1. Compares by length and bytes.
struct DigestValue {
  std::array<std::byte, digest_size_max> bytes{};
  std::size_t size = 0;

  std::span<const std::byte> span() const { return {bytes.data(), size}; }
  std::string hex() const;
  bool operator==(const DigestValue&) const = default;
};

class Digest {
 public:
  virtual ~Digest() = default;
  virtual void update(std::span<const std::byte> bytes) = 0;
  virtual DigestValue finish() = 0;
  void update(std::string_view text) { update(std::as_bytes(std::span(text))); }
};

// Lower-case hexadecimal, as the Hub and git write digests.
std::string to_hex(std::span<const std::byte> bytes);
// The bytes of `text`, which may be in either case; nothing unless it is whole pairs of digits
// and at most digest_size_max bytes long.
std::optional<DigestValue> from_hex(std::string_view text);

}  // namespace headrace
