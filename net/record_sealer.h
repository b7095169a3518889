// record_sealer.h: RecordSealer, what one side of TLS 1.3 says after the handshake: records sealed
// with its application traffic secret (RFC 8446 5.2, 5.3, 7.1 to 7.3).
//
// From where the bytes are to where they are sent from, with nothing between: OpenSSL's own way
// copies each record twice, which costs as much again as sealing it. The ciphers are libcrypto's.
// Secrets are wiped as they are replaced. One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

struct evp_cipher_ctx_st;

namespace headrace {

class RecordSealer {
 public:
  // Of what is inside, RFC 8446 5.1.
  enum class Type : std::uint8_t { alert = 21, handshake = 22, application_data = 23 };
  static constexpr std::size_t plain_size_max = 16 * 1024;
  // Head, type and tag.
  static constexpr std::size_t added_size = 5 + 1 + 16;
  // No key may seal more full records than 2^24.5 (RFC 8446 5.5).
  static constexpr std::uint64_t records_max = 1ULL << 24;

  // By the suite's number in the protocol. Null: it is none of AES-128-GCM, AES-256-GCM and
  // ChaCha20-Poly1305, or the secret is not its hash's size.
  static std::unique_ptr<RecordSealer> make(std::uint16_t suite, std::span<const std::byte> secret);
  ~RecordSealer();
  RecordSealer(const RecordSealer&) = delete;

  // One record, of bytes.size() + added_size bytes. False: libcrypto failed, and nothing that was
  // written may be sent.
  [[nodiscard]] bool seal(Type type, std::span<const std::byte> bytes, std::byte* into);
  // The keys after a KeyUpdate, which was the last record of the old ones. False as above.
  [[nodiscard]] bool change_keys();
  // With the keys of now.
  std::uint64_t records() const { return records_; }

 private:
  static constexpr std::size_t nonce_size = 12;
  static constexpr std::size_t secret_size_max = 48;
  struct Suite;
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  static const Suite* suite_of(std::uint16_t number);
  RecordSealer(const Suite& suite, std::span<const std::byte> secret);
  bool make_keys();
  // HKDF-Expand-Label of the secret, without a context.
  bool expand(const char* label, std::span<unsigned char> into) const;

  const Suite& suite_;
  std::unique_ptr<evp_cipher_ctx_st, Free> cipher_;
  std::array<unsigned char, secret_size_max> secret_{};
  std::array<unsigned char, nonce_size> iv_{};
  std::uint64_t records_ = 0;
};

}  // namespace headrace
