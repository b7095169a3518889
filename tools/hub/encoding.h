// encoding.h: the small codecs of the hub's wire: hex, base64, percent, UTF-8, dates, digests.
// Pure functions; safe from any thread. Uses libcrypto for the digests.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace headrace::hub {

std::string hex(std::string_view bytes);
// Nothing unless `text` is an even number of hex digits.
std::optional<std::string> unhex(std::string_view text);
bool is_hex(std::string_view text, std::size_t size_min, std::size_t size_max);

// RFC 4648 with padding; nothing if a character is out of place.
std::optional<std::string> base64_decode(std::string_view text);

// '%41' becomes 'A'; a broken escape stays as it is. In queries and forms '+' is a space.
std::string percent_decode(std::string_view text, bool plus_is_space);
// Everything but letters, digits, '-._~' and `keep` is escaped.
std::string percent_encode(std::string_view text, std::string_view keep = "");

// UTF-8 without NUL. `may_be_cut`: the text is the beginning of a longer one, so that its last
// character may be incomplete.
bool is_text(std::string_view bytes, bool may_be_cut);

// 2026-11-23T21:19:49.000Z
std::string iso_time(std::int64_t unix_s);
std::optional<std::uint64_t> parse_number(std::string_view text);
// Equal, in a time that does not depend on where they differ.
bool equal_secret(std::string_view a, std::string_view b);

// A running digest; SHA-256 or SHA-1.
class Digest {
 public:
  enum class Kind { sha1, sha256 };
  explicit Digest(Kind kind);
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  void update(std::string_view bytes);
  void update(std::span<const std::byte> bytes) {
    update({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  std::string finish_hex();  // ends it

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};
std::string sha256_hex(std::string_view bytes);
std::string hmac_sha256_hex(std::string_view key, std::string_view message);

}  // namespace headrace::hub
