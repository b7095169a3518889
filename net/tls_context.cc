#include "net/tls_context.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "io/check.h"
#include "net/tls_error.h"

namespace headrace {
namespace {

constexpr unsigned char alpn[] = "\x08http/1.1";
constexpr unsigned int alpn_size = sizeof alpn - 1;
// What a server tells its own sessions from others' by.
constexpr unsigned char session_context[] = "headrace";

// Encrypted keys are refused: there is nobody to ask.
int no_password(char*, int, int, void*) { return -1; }

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  unsigned char* found = nullptr;
  int selected = SSL_select_next_proto(&found, chosen_size, alpn, alpn_size, offered, offered_size);
  *chosen = found;
  return selected == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Error unusable(const std::string& path, std::string_view what) {
  std::string why = take_openssl_reasons();
  return make_error(ErrorClass::fail, "certificate_unusable",
                    fmt::format("{}{}{}", what, why.empty() ? "" : ": ", why))
      .at("tls")
      .on_path(path)
      .hinting("name a certificate and its key, unencrypted, in PEM");
}

Status use_certificate(SSL_CTX* handle, const std::string& certificate, const std::string& key) {
  ERR_clear_error();
  SSL_CTX_set_default_passwd_cb(handle, no_password);
  if (SSL_CTX_use_certificate_chain_file(handle, certificate.c_str()) != 1) {
    return fail(unusable(certificate, "the certificate cannot be read"));
  }
  const std::string& key_path = key.empty() ? certificate : key;
  // A key of another certificate is refused here too.
  if (SSL_CTX_use_PrivateKey_file(handle, key_path.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(unusable(key_path, "the key of the certificate cannot be used"));
  }
  return {};
}

// Where a session of OpenSSL's keeps a pointer of ours to its origin.
int origin_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// Where it keeps a pointer of ours to its secret.
int secret_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

SSL_CTX* make_handle(const SSL_METHOD* method) {
  SSL_CTX* handle = SSL_CTX_new(method);
  CHECK(handle);
  SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
  SSL_CTX_set_options(handle, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  return handle;
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* handle) const { SSL_CTX_free(handle); }
void TlsContext::Free::operator()(ssl_session_st* session) const { SSL_SESSION_free(session); }

std::shared_ptr<const TlsContext> TlsContext::of_client(TlsSettings settings) {
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(settings)));
}

Result<std::shared_ptr<const TlsContext>> TlsContext::of_server(const std::string& certificate,
                                                                const std::string& key) {
  std::shared_ptr<TlsContext> context(new TlsContext(TlsSettings{}));
  SSL_CTX* handle = make_handle(TLS_server_method());
  context->handle_.reset(handle);
  SSL_CTX_set_alpn_select_cb(handle, choose_protocol, nullptr);
  SSL_CTX_set_session_id_context(handle, session_context, sizeof session_context - 1);
  Status used = use_certificate(handle, certificate, key);
  if (!used) return fail(std::move(used.error()));
  std::call_once(context->once_, [] {});
  context->loaded_ = true;
  return context;
}

Status TlsContext::load() const {
  std::call_once(once_, [this] {
    load_status_ = load_once();
    loaded_.store(true, std::memory_order_release);
  });
  return load_status_;
}

Status TlsContext::load_once() const {
  SSL_CTX* handle = make_handle(TLS_client_method());
  handle_.reset(handle);
  SSL_CTX_set_alpn_protos(handle, alpn, alpn_size);
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(handle, const_cast<TlsContext*>(this));
  SSL_CTX_sess_set_new_cb(handle, keep_callback);
  SSL_CTX_set_keylog_callback(handle, secret_callback);
  // A named certificate is trusted even if it is not a root.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(handle), X509_V_FLAG_PARTIAL_CHAIN);
  if (settings_.skip_verification) {
    SSL_CTX_set_verify(handle, SSL_VERIFY_NONE, nullptr);
  } else {
    SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nullptr);
    Result<LoadedTrust> trusted = load_trust(settings_.trust, *SSL_CTX_get_cert_store(handle));
    if (!trusted) return fail(std::move(trusted.error()));
    trusted_ = std::move(*trusted);
  }
  if (settings_.certificate.empty()) return {};
  return use_certificate(handle, settings_.certificate, settings_.key);
}

std::string TlsContext::trust_text() const {
  if (settings_.skip_verification) return "nowhere: nothing is checked";
  return settings_.trust.source.empty()
             ? fmt::format("{} ({})", settings_.trust.text(), trusted_.path)
             : settings_.trust.text();
}

void TlsContext::resume(ssl_st& session, const std::string& origin) const {
  SSL_set_ex_data(&session, origin_index(), const_cast<std::string*>(&origin));
  std::lock_guard lock(sessions_mutex_);
  auto found = sessions_.find(origin);
  if (found != sessions_.end()) SSL_set_session(&session, found->second.get());
}

void TlsContext::leave_secret(ssl_st& session, std::string& secret) {
  SSL_set_ex_data(&session, secret_index(), &secret);
}

// A line is LABEL, the client's random bytes and the secret, both in hexadecimal digits.
void TlsContext::secret_callback(const ssl_st* session, const char* line) {
  std::string_view text = line;
  auto* secret = static_cast<std::string*>(SSL_get_ex_data(session, secret_index()));
  if (!secret || !text.starts_with("CLIENT_TRAFFIC_SECRET_0 ")) return;
  std::string digits(text.substr(text.rfind(' ') + 1));
  secret->resize(digits.size() / 2);
  std::size_t size = 0;
  int good = OPENSSL_hexstr2buf_ex(reinterpret_cast<unsigned char*>(secret->data()), secret->size(),
                                   &size, digits.c_str(), '\0');
  if (good != 1) {
    OPENSSL_cleanse(secret->data(), secret->size());
    secret->clear();
  }
  OPENSSL_cleanse(digits.data(), digits.size());
}

// Called with a reference of its own, which it keeps.
int TlsContext::keep_callback(ssl_st* session, ssl_session_st* kept) {
  const auto* context =
      static_cast<const TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(session)));
  const auto* origin = static_cast<const std::string*>(SSL_get_ex_data(session, origin_index()));
  std::lock_guard lock(context->sessions_mutex_);
  context->sessions_[*origin].reset(kept);
  return 1;
}

}  // namespace headrace
