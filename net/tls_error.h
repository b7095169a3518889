// tls_error.h: what went wrong in TLS, as errors that say it to a person. Pure, but that OpenSSL
// keeps its reasons in a queue of the thread, which these empty.
//
// Times of certificates are judged by the clock that is handed in. What a certificate says of
// itself is the peer's text and is shown with control characters escaped.
#pragma once

#include <cstdint>
#include <string>

#include "io/error.h"

struct x509_st;

namespace headrace {

// What a certificate says.
struct CertificateFacts {
  std::string subject;
  std::string issuer;
  std::string names;            // hosts it is for, between commas
  std::int64_t valid_from = 0;  // seconds since 1970
  std::int64_t valid_until = 0;
};
CertificateFacts facts_of(const x509_st& certificate);

// Why a chain was not believed: the first certificate that is at fault.
struct CertificateFault {
  int code = 0;   // X509_V_ERR_…, 0: none
  int depth = 0;  // 0: the server's own
  CertificateFacts certificate;
};

struct TlsPlace {
  std::string host;        // host:port as in messages
  std::string trust;       // where trust comes from
  std::int64_t now_s = 0;  // since 1970
};

// tls_certificate_expired, tls_certificate_not_yet_valid, tls_self_signed, tls_unknown_issuer,
// tls_wrong_host, tls_certificate_bad: all of class fail.
Error certificate_error(const CertificateFault& fault, const TlsPlace& place);
// tls_alert, tls_failed: out of the queue, for a session's operation that failed. `what` says what
// was being done: "the TLS handshake with h:443".
Error protocol_error(std::string_view what);
// The reasons in the queue, for people; empty if there is none.
std::string take_openssl_reasons();
// 2026-01-31 23:59:59 UTC
std::string time_text(std::int64_t unix_s);

}  // namespace headrace
