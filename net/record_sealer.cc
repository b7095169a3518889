#include "net/record_sealer.h"

#include <algorithm>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "io/check.h"

namespace headrace {
namespace {

constexpr std::size_t head_size = 5;
constexpr std::size_t tag_size = 16;

}  // namespace

struct RecordSealer::Suite {
  std::uint16_t number;  // RFC 8446 B.4
  const EVP_CIPHER* (*cipher)();
  const EVP_MD* (*hash)();
  std::size_t key_size;
  std::size_t secret_size;
};

const RecordSealer::Suite* RecordSealer::suite_of(std::uint16_t number) {
  static constexpr Suite suites[] = {
      {0x1301, EVP_aes_128_gcm, EVP_sha256, 16, 32},
      {0x1302, EVP_aes_256_gcm, EVP_sha384, 32, 48},
      {0x1303, EVP_chacha20_poly1305, EVP_sha256, 32, 32},
  };
  const auto* found = std::ranges::find(suites, number, &Suite::number);
  return found == std::end(suites) ? nullptr : found;
}

void RecordSealer::Free::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}

std::unique_ptr<RecordSealer> RecordSealer::make(std::uint16_t suite,
                                                 std::span<const std::byte> secret) {
  const Suite* known = suite_of(suite);
  if (!known || secret.size() != known->secret_size) return nullptr;
  std::unique_ptr<RecordSealer> sealer(new RecordSealer(*known, secret));
  return sealer->make_keys() ? std::move(sealer) : nullptr;
}

RecordSealer::RecordSealer(const Suite& suite, std::span<const std::byte> secret)
    : suite_(suite), cipher_(EVP_CIPHER_CTX_new()) {
  CHECK(cipher_);
  std::ranges::transform(secret, secret_.begin(),
                         [](std::byte byte) { return std::to_integer<unsigned char>(byte); });
}

RecordSealer::~RecordSealer() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

// What is wanted is never longer than the hash, so that one step of HKDF-Expand makes it.
bool RecordSealer::expand(const char* label, std::span<unsigned char> into) const {
  constexpr std::string_view prefix = "tls13 ";
  std::string_view name = label;
  std::array<unsigned char, 32> info{};
  auto at = info.begin();
  *at++ = 0;
  *at++ = static_cast<unsigned char>(into.size());
  *at++ = static_cast<unsigned char>(prefix.size() + name.size());
  at = std::ranges::copy(prefix, at).out;
  at = std::ranges::copy(name, at).out;
  *at++ = 0;  // no context
  *at++ = 1;  // the first step
  std::array<unsigned char, EVP_MAX_MD_SIZE> made{};
  unsigned size = 0;
  const unsigned char* done =
      HMAC(suite_.hash(), secret_.data(), static_cast<int>(suite_.secret_size), info.data(),
           static_cast<std::size_t>(at - info.begin()), made.data(), &size);
  if (!done || size < into.size()) return false;
  std::copy_n(made.begin(), into.size(), into.begin());
  OPENSSL_cleanse(made.data(), made.size());
  return true;
}

bool RecordSealer::make_keys() {
  std::array<unsigned char, 32> key{};
  std::span<unsigned char> used = std::span(key).first(suite_.key_size);
  bool made = expand("key", used) && expand("iv", iv_) &&
              EVP_EncryptInit_ex(cipher_.get(), suite_.cipher(), nullptr, key.data(), nullptr) == 1;
  OPENSSL_cleanse(key.data(), key.size());
  records_ = 0;
  return made;
}

bool RecordSealer::change_keys() {
  std::array<unsigned char, secret_size_max> next{};
  std::span<unsigned char> used = std::span(next).first(suite_.secret_size);
  bool made = expand("traffic upd", used);
  secret_ = next;
  OPENSSL_cleanse(next.data(), next.size());
  return made && make_keys();
}

bool RecordSealer::seal(Type type, std::span<const std::byte> bytes, std::byte* into) {
  DCHECK(bytes.size() <= plain_size_max);
  auto* record = reinterpret_cast<unsigned char*>(into);
  std::size_t size = bytes.size() + added_size - head_size;
  record[0] = static_cast<unsigned char>(Type::application_data);
  record[1] = record[2] = 3;
  record[3] = static_cast<unsigned char>(size >> 8);
  record[4] = static_cast<unsigned char>(size);
  std::array<unsigned char, nonce_size> nonce = iv_;
  for (std::size_t i = 0; i < sizeof records_; ++i) {
    nonce[nonce_size - 1 - i] ^= static_cast<unsigned char>(records_ >> (8 * i));
  }
  ++records_;
  auto inner = static_cast<unsigned char>(type);
  auto plain_size = static_cast<int>(bytes.size());
  EVP_CIPHER_CTX* cipher = cipher_.get();
  int done = 0;
  unsigned char* sealed = record + head_size;
  return EVP_EncryptInit_ex(cipher, nullptr, nullptr, nullptr, nonce.data()) == 1 &&
         EVP_EncryptUpdate(cipher, nullptr, &done, record, head_size) == 1 &&
         EVP_EncryptUpdate(cipher, sealed, &done,
                           reinterpret_cast<const unsigned char*>(bytes.data()), plain_size) == 1 &&
         EVP_EncryptUpdate(cipher, sealed + plain_size, &done, &inner, 1) == 1 &&
         EVP_EncryptFinal_ex(cipher, sealed + plain_size + 1, &done) == 1 &&
         EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, tag_size, sealed + plain_size + 1) == 1;
}

}  // namespace headrace
