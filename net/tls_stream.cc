#include "net/tls_stream.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "io/worker.h"
#include "net/address.h"

namespace headrace {
namespace {

// A peer that doesn't read any more is not waited for.
constexpr Duration close_limit = 1s;
// Of a record, which tells TLS from anything else: type, version, length.
constexpr std::size_t record_head_size = 5;

bool begins_a_record(std::string_view bytes) {
  // Alert or handshake, of any version of TLS.
  return bytes.size() < 2 || ((bytes[0] == 0x15 || bytes[0] == 0x16) && bytes[1] == 0x03);
}

}  // namespace

// What send() waits for while receive() has the buffer: its next step. At most one waits.
class TlsStream::SendWait final : public Wait {
 public:
  SendWait(Scope& scope, TlsStream& stream) : scope_(scope), stream_(stream) {}
  bool await_ready() const noexcept { return scope_.cancelled(); }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    stream_.sender_ = this;
    scope_.enter(*this);
  }
  void await_resume() {
    if (handle_) scope_.leave(*this);
  }
  void cancel_wait() override { wake(); }
  void wake() {
    if (stream_.sender_ != this) return;
    stream_.sender_ = nullptr;
    scope_.worker().ready(handle_);
  }

 private:
  Scope& scope_;
  TlsStream& stream_;
  std::coroutine_handle<> handle_;
};

void TlsStream::Free::operator()(ssl_st* session) const { SSL_free(session); }

TlsStream::TlsStream(std::unique_ptr<Stream> below, std::shared_ptr<const TlsContext> context,
                     TlsPeer peer)
    : below_(std::move(below)),
      context_(std::move(context)),
      peer_(std::move(peer)),
      session_(SSL_new(context_->handle())),
      in_(std::make_unique_for_overwrite<std::byte[]>(in_size_bytes)) {
  CHECK(session_);
  BIO* memory = BIO_new(memory_method());
  BIO_set_data(memory, this);
  BIO_set_init(memory, 1);
  SSL_set_bio(session_.get(), memory, memory);
}

TlsStream::~TlsStream() {
  CHECK(!receiving_ && !sending_ && !writing_);
  OPENSSL_cleanse(secret_.data(), secret_.size());  // of a handshake that failed
}

// Sends what is sealed, and what is added to it meanwhile.
Task<Status> TlsStream::flush(Scope& scope) {
  while (!out_.empty()) {
    std::span<const std::byte> sealed = out_.unsent();
    Status sent = co_await below_->send(scope, sealed, Slice());
    if (!sent) {
      broken_ = true;
      co_return sent;
    }
    out_.sent(sealed.size());
  }
  co_return Status();
}

// Receives what OpenSSL asks for, once it has taken all there was.
Task<Status> TlsStream::fill(Scope& scope) {
  DCHECK(in_begin_ == in_end_);
  Result<std::size_t> got = co_await below_->receive(scope, std::span(in_.get(), in_size_bytes));
  if (!got) co_return std::unexpected(std::move(got.error()));
  in_begin_ = 0;
  in_end_ = *got;
  in_ended_ = *got == 0;
  if (first_bytes_.size() < record_head_size && !handshaken_) {
    first_bytes_.append(reinterpret_cast<const char*>(in_.get()), std::min(*got, record_head_size));
  }
  co_return Status();
}

// --- the handshake ---

Task<TlsStream::Made> TlsStream::connect(Scope& scope, std::unique_ptr<Stream> below,
                                         std::shared_ptr<const TlsContext> context, TlsPeer peer,
                                         Duration limit) {
  if (!context->loaded()) {
    auto read = [context] { return context->load(); };
    co_await blocking(scope, std::move(read));
  }
  Status usable = context->loaded() ? context->load() : Status(fail(stream_cancelled()));
  if (!usable) {
    co_await below->close(scope);
    co_return fail(std::move(usable.error()));
  }
  std::unique_ptr<TlsStream> stream(
      new TlsStream(std::move(below), std::move(context), std::move(peer)));
  stream->prepare_client(scope.worker().backend().wall_seconds());
  Made made = co_await begin(scope, std::move(stream), limit);
  co_return made;
}

Task<TlsStream::Made> TlsStream::accept(Scope& scope, std::unique_ptr<Stream> below,
                                        std::shared_ptr<const TlsContext> context, Duration limit,
                                        std::string_view plain_answer) {
  TlsPeer nobody{.host = {}, .origin = {}, .place = "the client"};
  std::unique_ptr<TlsStream> stream(
      new TlsStream(std::move(below), std::move(context), std::move(nobody)));
  stream->plain_answer_ = plain_answer;
  SSL_set_accept_state(stream->session_.get());
  Made made = co_await begin(scope, std::move(stream), limit);
  co_return made;
}

// Says it to who does not speak TLS, and reads on for a moment, so that it arrives instead of a
// reset.
Task<void> TlsStream::answer_plainly(Scope& scope) {
  Scope limited(scope, close_limit);
  Status sent = co_await below_->send(limited, std::as_bytes(std::span(plain_answer_)), Slice());
  Result<std::size_t> got = sent ? 1u : 0u;
  while (got && *got > 0) {
    got = co_await below_->receive(limited, std::span(in_.get(), in_size_bytes));
  }
}

void TlsStream::prepare_client(std::int64_t now_s) {
  SSL* session = session_.get();
  SSL_set_connect_state(session);
  SSL_set_app_data(session, this);
  if (!context_->settings().skip_verification) {
    SSL_set_verify(session, SSL_VERIFY_PEER, note_fault);
  }
  // A name may be written with a dot at its end, certificates never are.
  std::string name = peer_.host;
  if (name.ends_with('.')) name.pop_back();
  X509_VERIFY_PARAM* wanted = SSL_get0_param(session);
  X509_VERIFY_PARAM_set_time(wanted, static_cast<time_t>(now_s));
  if (numeric_address(name, 0)) {
    X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str());
  } else {
    SSL_set_tlsext_host_name(session, name.c_str());
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(wanted, name.c_str(), name.size());
  }
  context_->resume(*session, peer_.origin);
  TlsContext::leave_secret(*session, secret_);
}

// Keeps the first fault, as it is the one that ends the handshake.
int TlsStream::note_fault(int good, x509_store_ctx_st* chain) {
  if (good == 1) return 1;
  auto* session =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& stream = *static_cast<TlsStream*>(SSL_get_app_data(session));
  const X509* certificate = X509_STORE_CTX_get_current_cert(chain);
  stream.fault_ = {.code = X509_STORE_CTX_get_error(chain),
                   .depth = X509_STORE_CTX_get_error_depth(chain),
                   .certificate = certificate ? facts_of(*certificate) : CertificateFacts{}};
  return 0;
}

Task<TlsStream::Made> TlsStream::begin(Scope& scope, std::unique_ptr<TlsStream> stream,
                                       Duration limit) {
  Scope limited(scope, limit);
  Status done = co_await stream->handshake(limited);
  if (done) co_return stream;
  stream->broken_ = true;
  if (done.error().code == "tls_not_spoken" && !stream->plain_answer_.empty()) {
    co_await stream->answer_plainly(limited);
  }
  co_await stream->close(scope);
  if (!limited.timed_out()) co_return fail(std::move(done.error()));
  co_return fail(make_error(ErrorClass::retry, "tls_timeout",
                            fmt::format("the TLS handshake with {} took more than {:.3g} s",
                                        stream->peer_.place, seconds_of(limit)))
                     .at("tls")
                     .hinting("look whether the port speaks TLS, and what stands in between"));
}

Task<Status> TlsStream::handshake(Scope& scope) {
  Worker& worker = scope.worker();
  while (true) {
    ERR_clear_error();
    int result = SSL_do_handshake(session_.get());
    int wants = SSL_get_error(session_.get(), result);
    std::optional<Error> failed;
    if (result != 1 && wants != SSL_ERROR_WANT_READ) {
      failed = handshake_error(worker.backend().wall_seconds());
    }
    // An alert that says why goes out too, but not to who would not understand it.
    Status moved;
    if (!failed || failed->code != "tls_not_spoken") moved = co_await flush(scope);
    if (failed) co_return fail(std::move(*failed));
    if (moved && result == 1) break;
    if (moved) moved = co_await fill(scope);
    if (moved) continue;
    if (moved.error().kind != ErrorClass::retry) co_return moved;
    in_ended_ = true;  // a reset
    co_return fail(handshake_error(worker.backend().wall_seconds()));
  }
  handshaken_ = true;
  seal_from_now_on();
  co_return Status();
}

Error TlsStream::handshake_error(std::int64_t now_s) {
  if (fault_.code != 0) {
    ERR_clear_error();
    return certificate_error(
        fault_, {.host = peer_.place, .trust = context_->trust_text(), .now_s = now_s});
  }
  if (!begins_a_record(first_bytes_)) {
    ERR_clear_error();
    bool http = first_bytes_.starts_with("HTTP/");
    return make_error(ErrorClass::fail, "tls_not_spoken",
                      fmt::format("{} does not speak TLS{}", peer_.place,
                                  http ? ": it answered in plain HTTP" : ""))
        .at("tls")
        .hinting(
            "write http:// in place of https:// if that is what is meant, or correct the port");
  }
  if (in_ended_) {
    ERR_clear_error();
    return make_error(ErrorClass::retry, "tls_handshake_cut",
                      fmt::format("{} ended the connection in the middle of the TLS handshake",
                                  peer_.place))
        .at("tls")
        .hinting("look whether the port speaks TLS, and what stands in between");
  }
  return protocol_error(fmt::format("the TLS handshake with {}", peer_.place));
}

// --- afterwards ---

Task<Result<std::size_t>> TlsStream::receive(Scope& scope, std::span<std::byte> into) {
  CHECK(!receiving_);
  receiving_ = true;
  Result<std::size_t> got = co_await open_some(scope, into);
  receiving_ = false;
  sender_may_go_on();
  co_return got;
}

Task<Result<std::size_t>> TlsStream::open_some(Scope& scope, std::span<std::byte> into) {
  while (true) {
    ERR_clear_error();
    std::size_t size = 0;
    int result = SSL_read_ex(session_.get(), into.data(), into.size(), &size);
    int wants = result == 1 ? SSL_ERROR_NONE : SSL_get_error(session_.get(), result);
    std::optional<Error> failed;
    if (wants == SSL_ERROR_SSL || wants == SSL_ERROR_SYSCALL) failed = receive_error();
    if (sealer_ && !failed) answer_key_update();
    // Nobody waits for what OpenSSL had to say, so that a failure of sending it shows later.
    if (!writing_ && !broken_ && !out_.empty()) {
      writing_ = true;
      (void)co_await flush(scope);
      writing_ = false;
    }
    sender_may_go_on();
    if (unsaid_ || (wants == SSL_ERROR_WANT_WRITE && !out_.empty())) {
      failed = unsaid_error();
    }
    if (failed) {
      broken_ = true;
      co_return fail(std::move(*failed).at("tls"));
    }
    if (wants == SSL_ERROR_NONE || wants == SSL_ERROR_ZERO_RETURN) co_return size;
    if (wants == SSL_ERROR_WANT_WRITE) continue;
    Status filled = co_await fill(scope);
    if (!filled) co_return fail(std::move(filled.error()));
  }
}

Error TlsStream::receive_error() {
  unsigned long reason = ERR_peek_error();
  bool says_nothing = reason == 0 || ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  if (!in_ended_ || !says_nothing) {
    return protocol_error(fmt::format("what was sent over TLS to or from {}", peer_.place));
  }
  ERR_clear_error();
  return make_error(ErrorClass::retry, "tls_truncated",
                    fmt::format("the connection to {} ended without the end that TLS asks for",
                                peer_.place))
      .hinting("something on the way may have cut it: run it again");
}

Task<Status> TlsStream::send(Scope& scope, std::span<const std::byte> bytes, Slice hold) {
  CHECK(!sending_);
  sending_ = true;
  Status sent = co_await send_all(scope, bytes, std::move(hold));
  sending_ = false;
  co_return sent;
}

Task<Status> TlsStream::send_all(Scope& scope, std::span<const std::byte> bytes, Slice hold) {
  while (!bytes.empty()) {
    if (broken_) {
      co_return fail(make_error(ErrorClass::retry, "send_failed",
                                fmt::format("the connection to {} broke before", peer_.place)));
    }
    if (!writing_) {
      writing_ = true;
      Result<std::size_t> sealed = seal(bytes);
      bytes = bytes.subspan(sealed ? *sealed : 0);
      if (bytes.empty()) hold = Slice();
      bool waits = !out_.empty();
      Status flushed = co_await flush(scope);
      writing_ = false;
      if (!sealed) co_return fail(std::move(sealed.error()));
      if (!flushed) co_return flushed;
      // What receive() did while bytes went out has woken nobody.
      if (*sealed > 0 || waits) continue;
      if (!receiving_) {
        co_return fail(
            make_error(ErrorClass::fail, "tls_failed",
                       fmt::format("{} began to say something and never ended it", peer_.place))
                .at("tls"));
      }
    }
    SendWait receiver(scope, *this);
    co_await receiver;
    if (scope.cancelled()) co_return fail(stream_cancelled());
  }
  co_return Status();
}

void TlsStream::sender_may_go_on() {
  if (sender_) sender_->wake();
}

Task<void> TlsStream::close(Scope& scope) {
  CHECK(!receiving_ && !sending_);
  if (handshaken_ && !broken_) {
    ERR_clear_error();
    SSL_shutdown(session_.get());
    Scope limited(scope, close_limit);
    (void)co_await flush(limited);
    ERR_clear_error();
  }
  broken_ = true;
  co_await below_->close(scope);
}

std::string TlsStream::sealed_with() const {
  SSL* session = session_.get();
  return fmt::format("{} with {}", SSL_get_version(session), SSL_get_cipher_name(session));
}

TlsFacts TlsStream::facts() const {
  SSL* session = session_.get();
  TlsFacts facts{.version = SSL_get_version(session),
                 .cipher = SSL_get_cipher_name(session),
                 .resumed = SSL_session_reused(session) == 1,
                 .chain = {}};
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(session);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    facts.chain.push_back(facts_of(*sk_X509_value(chain, i)));
  }
  return facts;
}

}  // namespace headrace
