#include "net/seal_rate.h"

#include <cstring>
#include <memory>
#include <vector>

#include <openssl/evp.h>

namespace headrace {
namespace {

constexpr std::size_t record_bytes = 16 << 10;
constexpr std::size_t records = 16;  // as TlsStream puts into one send
constexpr std::size_t tag_bytes = 16;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

class Sealer {
 public:
  explicit Sealer(SealKey key) : context_(EVP_CIPHER_CTX_new()) {
    const unsigned char secret[32] = {1, 2, 3};
    const EVP_CIPHER* cipher = key == SealKey::aes128 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
    good_ = context_ && EVP_EncryptInit_ex(context_.get(), cipher, nullptr, secret, nonce_) == 1;
  }
  bool good() const { return good_; }

  void seal(const unsigned char* plain, unsigned char* sealed) {
    // The type, the version and the length of a record.
    const unsigned char head[5] = {23, 3, 3, 0x40, 0x11};
    int length = 0;
    ++number_;
    std::memcpy(nonce_, &number_, sizeof number_);
    EVP_CIPHER_CTX* context = context_.get();
    EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce_);
    EVP_EncryptUpdate(context, nullptr, &length, head, sizeof head);
    EVP_EncryptUpdate(context, sealed, &length, plain, record_bytes);
    EVP_EncryptFinal_ex(context, sealed + record_bytes, &length);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_bytes, sealed + record_bytes);
  }

 private:
  std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> context_;
  unsigned char nonce_[12] = {};
  std::uint64_t number_ = 0;
  bool good_ = false;
};

}  // namespace

double seal_rate(const Clock& clock, SealKey key) {
  Sealer sealer(key);
  if (!sealer.good()) return 0;
  std::vector<unsigned char> plain(records * record_bytes, 'x');
  std::vector<unsigned char> sealed(records * (record_bytes + tag_bytes));
  return step_rate(clock, plain.size(), [&] {
    for (std::size_t i = 0; i < records; ++i) {
      sealer.seal(plain.data() + i * record_bytes, sealed.data() + i * (record_bytes + tag_bytes));
    }
  });
}

}  // namespace headrace
