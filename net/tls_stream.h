// tls_stream.h: TlsStream, a TLS session over another stream, be that a socket, a tunnel or a
// session itself.
//
// OpenSSL shakes hands and opens, over memory: it never sees a socket. send() seals 256 KiB in
// records of 16 KiB into one buffer and gives that to the stream below in one piece, since a send a
// record costs twice the CPU (LIMITS section 5).
// What a client sends in TLS 1.3 is sealed by RecordSealer, from where it lies. OpenSSL goes on as
// if it sent: its records are dropped, and what it says in them (an alert, that keys change) is
// sealed like all else. In TLS 1.2, and at a server, OpenSSL seals: it copies the bytes to where it
// does that, and we copy the record from there; both copies are kept where the processor does them
// fast, by a short record where need be.
// Both directions work at once, as Stream wants it. What receiving makes OpenSSL say goes out
// between two sends.
// The end: 0 bytes after the peer's close_notify; a connection that ends without one is
// tls_truncated. close() says close_notify unless something was cut off before, in which case the
// peer has to see a truncation too; it waits for nobody's.
// Memory: at most memory_max_bytes, of which only what was used is ever touched.
// Fails with: what the stream below fails with; tls_alert, tls_failed, tls_truncated (retry); while
// connecting also tls_timeout, tls_handshake_cut (retry), tls_not_spoken, and what
// certificate_error() and TlsContext::load() make.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/record_buffer.h"
#include "net/record_sealer.h"
#include "net/stream.h"
#include "net/tls_context.h"
#include "net/tls_error.h"

struct bio_st;
struct bio_method_st;
struct ssl_st;
struct x509_store_ctx_st;

namespace headrace {

// Who is meant to be there.
struct TlsPeer {
  std::string host;    // a name or an address, as in Url
  std::string origin;  // what its sessions are kept by
  std::string place;   // host:port, for messages
};

// What was agreed on.
struct TlsFacts {
  std::string version;  // TLSv1.3
  std::string cipher;
  bool resumed = false;
  std::vector<CertificateFacts> chain;  // as the peer sent it, its own first; empty if resumed
};

class TlsStream final : public Stream {
 public:
  using Made = Result<std::unique_ptr<TlsStream>>;
  // The handshake from either side. Takes the stream over, and closes it if the handshake fails.
  static Task<Made> connect(Scope& scope, std::unique_ptr<Stream> below,
                            std::shared_ptr<const TlsContext> context, TlsPeer peer,
                            Duration limit);
  // `plain_answer`, a literal, is what a client that speaks something else is told.
  static Task<Made> accept(Scope& scope, std::unique_ptr<Stream> below,
                           std::shared_ptr<const TlsContext> context, Duration limit,
                           std::string_view plain_answer = {});
  ~TlsStream() override;

  Task<Result<std::size_t>> receive(Scope& scope, std::span<std::byte> into) override;
  Task<Status> send(Scope& scope, std::span<const std::byte> bytes, Slice hold) override;
  Task<void> close(Scope& scope) override;
  std::int64_t unacknowledged() override { return below_->unacknowledged(); }
  std::string address() const override { return below_->address(); }
  std::string sealed_with() const override;
  Duration round_trip() override { return below_->round_trip(); }
  void pace(std::uint64_t rate) override { below_->pace(rate); }

  TlsFacts facts() const;

  static constexpr std::size_t in_size_bytes = 32 * 1024;
  // OpenSSL holds a record for each direction, and some 20 KiB of state.
  static constexpr std::size_t memory_max_bytes = RecordBuffer::size_bytes + in_size_bytes +
                                                  2 * (RecordSealer::plain_size_max + 1024) +
                                                  20 * 1024;

 private:
  class SendWait;
  struct Free {
    void operator()(ssl_st* session) const;
  };

  TlsStream(std::unique_ptr<Stream> below, std::shared_ptr<const TlsContext> context, TlsPeer peer);
  static Task<Made> begin(Scope& scope, std::unique_ptr<TlsStream> stream, Duration limit);
  void prepare_client(std::int64_t now_s);

  Task<Status> handshake(Scope& scope);
  Error handshake_error(std::int64_t now_s);
  Task<void> answer_plainly(Scope& scope);
  Task<Result<std::size_t>> open_some(Scope& scope, std::span<std::byte> into);
  Error receive_error();
  Task<Status> send_all(Scope& scope, std::span<const std::byte> bytes, Slice hold);
  Result<std::size_t> seal(std::span<const std::byte> bytes);
  Result<std::size_t> seal_by_openssl(std::span<const std::byte> bytes);
  bool seal_record(RecordSealer::Type type, std::span<const std::byte> bytes);
  void seal_from_now_on();
  void answer_key_update();
  Error unsaid_error() const;
  void say(RecordSealer::Type type, std::span<const std::byte> message);
  std::size_t next_record_size(std::span<const std::byte> bytes) const;
  Task<Status> flush(Scope& scope);
  Task<Status> fill(Scope& scope);
  void sender_may_go_on();

  // OpenSSL's way to the buffers below.
  static bio_method_st* memory_method();
  static int take_sealed(bio_st* bio, const char* data, int size);
  static int give_received(bio_st* bio, char* into, int size);
  static void note_said(int is_written, int version, int type, const void* message,
                        std::size_t size, ssl_st* session, void* stream);
  static int note_fault(int good, x509_store_ctx_st* chain);

  std::unique_ptr<Stream> below_;
  const std::shared_ptr<const TlsContext> context_;
  const TlsPeer peer_;
  std::unique_ptr<ssl_st, Free> session_;
  std::string secret_;                    // of the handshake, for the sealer
  std::unique_ptr<RecordSealer> sealer_;  // null: OpenSSL seals
  bool unsaid_ = false;                   // something OpenSSL had to say found no room
  RecordBuffer out_;                      // sealed
  std::uintptr_t record_at_ = 0;          // where OpenSSL makes its records
  std::unique_ptr<std::byte[]> in_;       // received, from in_begin_ to in_end_
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  bool in_ended_ = false;  // the stream below has no more
  bool writing_ = false;   // somebody sends what is sealed
  bool broken_ = false;    // a record went out in part, or the session failed
  bool handshaken_ = false;
  bool receiving_ = false;
  bool sending_ = false;
  std::string_view plain_answer_;
  std::string first_bytes_;  // of the peer, while it is not known whether it speaks TLS
  CertificateFault fault_;
  SendWait* sender_ = nullptr;  // waits for receive() to have done something
};

}  // namespace headrace
