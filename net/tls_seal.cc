// What a TlsStream sends: by whom it is sealed, and what OpenSSL says beside it.
#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/tls_stream.h"

namespace headrace {
namespace {

// Above what stands before the bytes of a record (5 in TLS 1.3, 13 in 1.2).
constexpr std::size_t record_head_reach = 16;
constexpr std::size_t short_record_size = 1024;
// KeyUpdate, which asks for none in return (RFC 8446 4.6.3).
constexpr unsigned char new_keys[] = {SSL3_MT_KEY_UPDATE, 0, 0, 1, 0};

}  // namespace

// --- the buffers, as OpenSSL sees them ---

bio_method_st* TlsStream::memory_method() {
  static bio_method_st* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "headrace");
    BIO_meth_set_write(made, take_sealed);
    BIO_meth_set_read(made, give_received);
    BIO_meth_set_ctrl(made, [](BIO*, int command, long, void*) -> long {
      return command == BIO_CTRL_FLUSH ? 1 : 0;
    });
    return made;
  }();
  return method;
}

int TlsStream::take_sealed(bio_st* bio, const char* data, int size) {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (stream.sealer_) return size;
  stream.record_at_ = reinterpret_cast<std::uintptr_t>(data);
  std::size_t taken =
      stream.out_.append(std::as_bytes(std::span(data, static_cast<std::size_t>(size))));
  if (taken == 0) {
    BIO_set_retry_write(bio);
    return -1;
  }
  return static_cast<int>(taken);
}

int TlsStream::give_received(bio_st* bio, char* into, int size) {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  std::size_t given = std::min(static_cast<std::size_t>(size), stream.in_end_ - stream.in_begin_);
  if (given == 0) {
    if (stream.in_ended_) return 0;
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(into, stream.in_.get() + stream.in_begin_, given);
  stream.in_begin_ += given;
  return static_cast<int>(given);
}

// If this is TLS 1.3 and we are its client: nobody has left a secret otherwise.
void TlsStream::seal_from_now_on() {
  SSL* session = session_.get();
  sealer_ = RecordSealer::make(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(session)),
                               std::as_bytes(std::span(secret_)));
  OPENSSL_cleanse(secret_.data(), secret_.size());
  secret_.clear();
  if (!sealer_) return;
  SSL_set_msg_callback(session, note_said);
  SSL_set_msg_callback_arg(session, this);
}

// As much as goes out at once.
Result<std::size_t> TlsStream::seal(std::span<const std::byte> bytes) {
  bytes = bytes.first(std::min(bytes.size(), RecordBuffer::batch_size_max));
  ERR_clear_error();
  if (!sealer_) return seal_by_openssl(bytes);
  for (std::size_t at = 0; at < bytes.size(); at += RecordSealer::plain_size_max) {
    std::size_t size = std::min(bytes.size() - at, RecordSealer::plain_size_max);
    if (sealer_->records() >= RecordSealer::records_max) {
      say(RecordSealer::Type::handshake, std::as_bytes(std::span(new_keys)));
    }
    if (!unsaid_ && seal_record(RecordSealer::Type::application_data, bytes.subspan(at, size))) {
      continue;
    }
    broken_ = true;
    return fail(unsaid_ ? unsaid_error()
                        : protocol_error(fmt::format("sending over TLS to {}", peer_.place)));
  }
  return bytes.size();
}

bool TlsStream::seal_record(RecordSealer::Type type, std::span<const std::byte> bytes) {
  std::size_t size = bytes.size() + RecordSealer::added_size;
  std::byte* into = out_.room(size, bytes.data());
  if (!into || !sealer_->seal(type, bytes, into)) return false;
  out_.added(size);
  return true;
}

// What OpenSSL has put into a record that is dropped.
void TlsStream::note_said(int is_written, int, int type, const void* message, std::size_t size,
                          ssl_st*, void* stream) {
  if (is_written == 0 || (type != SSL3_RT_ALERT && type != SSL3_RT_HANDSHAKE)) return;
  static_cast<TlsStream*>(stream)->say(static_cast<RecordSealer::Type>(type),
                                       std::span(static_cast<const std::byte*>(message), size));
}

void TlsStream::say(RecordSealer::Type type, std::span<const std::byte> message) {
  bool said = seal_record(type, message);
  if (said && type == RecordSealer::Type::handshake &&
      message[0] == static_cast<std::byte>(SSL3_MT_KEY_UPDATE)) {
    said = sealer_->change_keys();
  }
  if (!said) unsaid_ = true;
}

// Told to change keys, OpenSSL would answer at its next write, and with a sealer there is none.
void TlsStream::answer_key_update() {
  SSL* session = session_.get();
  if (SSL_get_key_update_type(session) == SSL_KEY_UPDATE_NONE) return;
  if (SSL_key_update(session, SSL_KEY_UPDATE_NOT_REQUESTED) == 1) SSL_do_handshake(session);
}

Error TlsStream::unsaid_error() const {
  return make_error(ErrorClass::fail, "tls_failed",
                    fmt::format("{} asks for more answers than it takes", peer_.place))
      .at("tls");
}

// Nothing while half of what the peer says of the session is here.
Result<std::size_t> TlsStream::seal_by_openssl(std::span<const std::byte> bytes) {
  std::size_t sealed = 0;
  while (sealed < bytes.size()) {
    std::span<const std::byte> plain = bytes.subspan(sealed);
    plain = plain.first(next_record_size(plain));
    std::size_t written = 0;
    ERR_clear_error();
    int result = SSL_write_ex(session_.get(), plain.data(), plain.size(), &written);
    if (result != 1) {
      if (SSL_get_error(session_.get(), result) == SSL_ERROR_WANT_READ) break;
      broken_ = true;
      return fail(protocol_error(fmt::format("sending over TLS to {}", peer_.place)));
    }
    sealed += written;
  }
  return sealed;
}

// OpenSSL copies the bytes behind the head of a record and seals them there. Where that would be
// slow a short record, which is copied in another way, moves all that follow.
std::size_t TlsStream::next_record_size(std::span<const std::byte> bytes) const {
  auto from = reinterpret_cast<std::uintptr_t>(bytes.data());
  bool slow = copies_slowly(record_at_ + record_head_reach, from);
  return std::min(bytes.size(), slow ? short_record_size : RecordSealer::plain_size_max);
}

}  // namespace headrace
