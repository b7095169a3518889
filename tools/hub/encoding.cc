#include "tools/hub/encoding.h"

#include <array>
#include <charconv>
#include <ctime>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "io/check.h"

namespace headrace::hub {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::array<signed char, 256> base64_values = [] {
  std::array<signed char, 256> values{};
  values.fill(-1);
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<signed char>(i);
  }
  return values;
}();

// How many bytes the character that starts with `lead` has; 0 for a byte that starts none.
int utf8_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}

// The second byte carries the bounds that keep out overlong forms, surrogates and what lies
// beyond U+10FFFF (Unicode 15, table 3-7).
bool utf8_second_fits(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xe0:
      return second >= 0xa0 && second <= 0xbf;
    case 0xed:
      return second >= 0x80 && second <= 0x9f;
    case 0xf0:
      return second >= 0x90 && second <= 0xbf;
    case 0xf4:
      return second >= 0x80 && second <= 0x8f;
    default:
      return second >= 0x80 && second <= 0xbf;
  }
}

}  // namespace

std::string hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (unsigned char byte : bytes) {
    text += hex_digits[byte >> 4];
    text += hex_digits[byte & 15];
  }
  return text;
}

std::optional<std::string> unhex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    int high = hex_value(text[i]), low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

bool is_hex(std::string_view text, std::size_t size_min, std::size_t size_max) {
  if (text.size() < size_min || text.size() > size_max) return false;
  for (char c : text) {
    if (hex_value(c) < 0) return false;
  }
  return true;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && !text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    ++padding;
  }
  std::string bytes;
  bytes.reserve((text.size() + padding) / 4 * 3);
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (unsigned char c : text) {
    int value = base64_values[c];
    if (value < 0) return std::nullopt;
    group = (group << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>((group >> bits) & 0xff);
  }
  return bytes;
}

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      plain += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      plain += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return plain;
}

std::string percent_encode(std::string_view text, std::string_view keep) {
  std::string escaped;
  for (unsigned char c : text) {
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                 std::string_view("-._~").contains(static_cast<char>(c)) ||
                 keep.contains(static_cast<char>(c));
    if (plain) {
      escaped += static_cast<char>(c);
      continue;
    }
    escaped += '%';
    escaped += "0123456789ABCDEF"[c >> 4];
    escaped += "0123456789ABCDEF"[c & 15];
  }
  return escaped;
}

bool is_text(std::string_view bytes, bool may_be_cut) {
  for (std::size_t i = 0; i < bytes.size();) {
    auto lead = static_cast<unsigned char>(bytes[i]);
    int length = utf8_length(lead);
    if (lead == 0 || length == 0) return false;
    for (int k = 1; k < length; ++k) {
      std::size_t at = i + static_cast<std::size_t>(k);
      if (at >= bytes.size()) return may_be_cut;
      auto next = static_cast<unsigned char>(bytes[at]);
      if (k == 1 ? !utf8_second_fits(lead, next) : next < 0x80 || next > 0xbf) return false;
    }
    i += static_cast<std::size_t>(length);
  }
  return true;
}

std::string iso_time(std::int64_t unix_s) {
  std::time_t when = static_cast<std::time_t>(unix_s);
  std::tm parts{};
  gmtime_r(&when, &parts);
  std::array<char, 40> text{};
  std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.000Z", &parts);
  return {text.data(), size};
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool equal_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Digest::Digest(Kind kind) : context_(EVP_MD_CTX_new()) {
  const EVP_MD* algorithm = kind == Kind::sha1 ? EVP_sha1() : EVP_sha256();
  CHECK(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), algorithm, nullptr) == 1);
}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;
void Digest::Free::operator()(void* context) const {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context));
}

void Digest::update(std::string_view bytes) {
  auto* context = static_cast<EVP_MD_CTX*>(context_.get());
  CHECK(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
}

std::string Digest::finish_hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned size = 0;
  auto* context = static_cast<EVP_MD_CTX*>(context_.get());
  CHECK(EVP_DigestFinal_ex(context, value.data(), &size) == 1);
  return hex({reinterpret_cast<const char*>(value.data()), size});
}

std::string sha256_hex(std::string_view bytes) {
  Digest digest(Digest::Kind::sha256);
  digest.update(bytes);
  return digest.finish_hex();
}

std::string hmac_sha256_hex(std::string_view key, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned size = 0;
  CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(message.data()), message.size(), value.data(),
             &size) != nullptr);
  return hex({reinterpret_cast<const char*>(value.data()), size});
}

}  // namespace headrace::hub
