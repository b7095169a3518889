// tls_context.h: TlsContext, what all TLS sessions of a program share: versions, trust, a
// certificate of its own, and what it takes to resume a session.
//
// TLS 1.2 and 1.3, ALPN http/1.1, no renegotiation. A client's context reads its files when load()
// is first called, since that costs 30 ms and who speaks plain HTTP needs none of it; a server's
// when it is made. Immutable from then on, but for the sessions; any thread, and shared by all
// workers. A session is kept by origin, the newest only, in the memory of the process.
// Fails with: ca_unreadable, ca_empty, certificate_unusable, tls_failed.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "net/trust.h"

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

namespace headrace {

// What a client asks of TLS. Plain data.
struct TlsSettings {
  Trust trust;
  std::string certificate;         // of the client: a file in PEM with its chain; empty: none
  std::string key;                 // its key; empty: in the same file
  bool skip_verification = false;  // believe anybody
};

class TlsContext {
 public:
  static std::shared_ptr<const TlsContext> of_client(TlsSettings settings);
  static Result<std::shared_ptr<const TlsContext>> of_server(const std::string& certificate,
                                                             const std::string& key);

  // Reads what the settings name, once; blocks. After that it says how it went.
  Status load() const;
  bool loaded() const { return loaded_.load(std::memory_order_acquire); }

  // The rest is for sessions, and after load() has succeeded.
  ssl_ctx_st* handle() const { return handle_.get(); }
  const TlsSettings& settings() const { return settings_; }
  const LoadedTrust& trusted() const { return trusted_; }
  // Where the client's trust comes from, for messages.
  std::string trust_text() const;

  // Lets a client's session to `origin`, a text that outlives it, resume what was kept before, and
  // keeps what can be resumed later.
  void resume(ssl_st& session, const std::string& origin) const;
  // Where a client's session that speaks TLS 1.3 leaves its application traffic secret, in bytes,
  // during the handshake. `secret` outlives the handshake.
  static void leave_secret(ssl_st& session, std::string& secret);

 private:
  struct Free {
    void operator()(ssl_ctx_st* handle) const;
    void operator()(ssl_session_st* session) const;
  };
  using Session = std::unique_ptr<ssl_session_st, Free>;
  static void secret_callback(const ssl_st* session, const char* line);
  static int keep_callback(ssl_st* session, ssl_session_st* kept);
  explicit TlsContext(TlsSettings settings) : settings_(std::move(settings)) {}
  Status load_once() const;

  const TlsSettings settings_;
  mutable std::unique_ptr<ssl_ctx_st, Free> handle_;
  mutable LoadedTrust trusted_;
  mutable std::once_flag once_;
  mutable Status load_status_;
  mutable std::atomic<bool> loaded_ = false;
  mutable std::mutex sessions_mutex_;
  mutable std::map<std::string, Session> sessions_;
};

}  // namespace headrace
