#include "net/tls_error.h"

#include <ctime>
#include <memory>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/address.h"

namespace headrace {
namespace {

// More than a person reads; certificates of large sites hold hundreds.
constexpr int names_shown_max = 5;

std::string text_of_name(const X509_NAME* name) {
  BIO* text = BIO_new(BIO_s_mem());
  X509_NAME_print_ex(text, name, 0, XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  long size = BIO_get_mem_data(text, &data);
  std::string result(data, static_cast<std::size_t>(std::max(size, 0L)));
  BIO_free(text);
  return redact_text(result, 200);
}

std::string text_of_alternative(const GENERAL_NAME& name) {
  int kind = 0;
  void* value = GENERAL_NAME_get0_value(&name, &kind);
  const auto* text = static_cast<const ASN1_STRING*>(value);
  if (kind == GEN_DNS) {
    return redact_text({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                        static_cast<std::size_t>(ASN1_STRING_length(text))},
                       200);
  }
  if (kind != GEN_IPADD) return {};
  char number[INET6_ADDRSTRLEN] = "";
  int family = ASN1_STRING_length(text) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ASN1_STRING_length(text) != 16) return {};
  inet_ntop(family, ASN1_STRING_get0_data(text), number, sizeof number);
  return number;
}

std::string names_of(const X509& certificate) {
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string all;
  int shown = 0;
  int left = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    std::string name = text_of_alternative(*sk_GENERAL_NAME_value(names, i));
    if (name.empty()) continue;
    if (shown++ < names_shown_max) all += (all.empty() ? "" : ", ") + name;
    else ++left;
  }
  GENERAL_NAMES_free(names);
  return left > 0 ? fmt::format("{} and {} more", all, left) : all;
}

std::int64_t seconds_of_time(const ASN1_TIME* time) {
  std::tm fields{};
  return time && ASN1_TIME_to_tm(time, &fields) == 1 ? timegm(&fields) : 0;
}

std::string whose(const CertificateFault& fault, const TlsPlace& place) {
  return fault.depth == 0 ? fmt::format("the certificate of {}", place.host)
                          : fmt::format("the certificate of {}, which vouches for {},",
                                        fault.certificate.subject, place.host);
}

std::string clock_hint(const TlsPlace& place, std::string_view otherwise) {
  return fmt::format("this machine's clock says {}: if that is wrong, set it; else {}",
                     time_text(place.now_s), otherwise);
}

std::string trust_hint(const TlsPlace& place) {
  return fmt::format(
      "trust comes from {}; if the right server answers (behind a private CA, or a "
      "company's proxy that opens TLS), name the CA's certificate with --ca-cert or "
      "SSL_CERT_FILE",
      place.trust);
}

bool may_pass(int alert) {
  return alert == SSL3_AD_BAD_RECORD_MAC || alert == TLS1_AD_DECRYPT_ERROR ||
         alert == TLS1_AD_INTERNAL_ERROR || alert == TLS1_AD_USER_CANCELLED;
}

std::string_view alert_hint(int alert) {
  switch (alert) {
    case TLS1_AD_PROTOCOL_VERSION:
      return "the server may speak versions before TLS 1.2 only: it has to be brought up to date";
    case SSL3_AD_HANDSHAKE_FAILURE:
      return "the server shares no cipher with us, or wants a certificate: --client-cert";
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return "the server wants a certificate of the client: give it with --client-cert";
    case SSL3_AD_BAD_CERTIFICATE:
    case SSL3_AD_UNSUPPORTED_CERTIFICATE:
    case SSL3_AD_CERTIFICATE_REVOKED:
    case SSL3_AD_CERTIFICATE_EXPIRED:
    case SSL3_AD_CERTIFICATE_UNKNOWN:
    case TLS1_AD_UNKNOWN_CA:
    case TLS1_AD_ACCESS_DENIED:
      return "the server does not accept the client's certificate: see --client-cert";
    case TLS1_AD_UNRECOGNIZED_NAME:
      return "the server does not know this host name: look whether the address is right";
    case SSL3_AD_BAD_RECORD_MAC:
    case TLS1_AD_DECRYPT_ERROR:
      return "something on the way changed the bytes: run it again";
    default:
      return "see what the server's own log says";
  }
}

}  // namespace

std::string time_text(std::int64_t unix_s) {
  auto time = static_cast<std::time_t>(unix_s);
  std::tm fields{};
  gmtime_r(&time, &fields);
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fields);
}

CertificateFacts facts_of(const x509_st& certificate) {
  return {.subject = text_of_name(X509_get_subject_name(&certificate)),
          .issuer = text_of_name(X509_get_issuer_name(&certificate)),
          .names = names_of(certificate),
          .valid_from = seconds_of_time(X509_get0_notBefore(&certificate)),
          .valid_until = seconds_of_time(X509_get0_notAfter(&certificate))};
}

Error certificate_error(const CertificateFault& fault, const TlsPlace& place) {
  const CertificateFacts& facts = fault.certificate;
  Error error;
  error.kind = ErrorClass::fail;
  switch (fault.code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      error.code = "tls_certificate_expired";
      error.message =
          fmt::format("{} expired on {}", whose(fault, place), time_text(facts.valid_until));
      error.hint = clock_hint(place, "the server needs a new certificate");
      break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      error.code = "tls_certificate_not_yet_valid";
      error.message = fmt::format("{} is not valid before {}", whose(fault, place),
                                  time_text(facts.valid_from));
      error.hint = clock_hint(place, "wait until then, or ask whoever runs the server");
      break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      error.code = "tls_self_signed";
      error.message = fmt::format("the certificate of {} is signed by itself ({}), and not trusted",
                                  place.host, facts.subject);
      error.hint = trust_hint(place);
      break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      error.code = "tls_unknown_issuer";
      error.message = fmt::format("the certificate of {} comes from {}, which is not trusted",
                                  place.host, facts.issuer);
      error.hint = trust_hint(place);
      break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      error.code = "tls_wrong_host";
      error.message = fmt::format("the certificate that {} shows is for {}", place.host,
                                  facts.names.empty() ? facts.subject : facts.names);
      error.hint = "look whether the address is right; something on the way may have answered";
      break;
    default:
      error.code = "tls_certificate_bad";
      error.message = fmt::format("{} cannot be accepted: {}", whose(fault, place),
                                  X509_verify_cert_error_string(fault.code));
      error.hint = "ask whoever runs the server";
  }
  error.message = redact_text(error.message);
  return std::move(error).at("tls");
}

Error protocol_error(std::string_view what) {
  unsigned long first = ERR_peek_error();
  int reason = ERR_GET_REASON(first);
  if (ERR_GET_LIB(first) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET) {
    int alert = reason - SSL_AD_REASON_OFFSET;
    ERR_clear_error();
    return make_error(may_pass(alert) ? ErrorClass::retry : ErrorClass::fail, "tls_alert",
                      fmt::format("{} was refused: {}", what, SSL_alert_desc_string_long(alert)))
        .at("tls")
        .hinting(alert_hint(alert));
  }
  bool damaged = reason == SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC ||
                 reason == SSL_R_BAD_RECORD_TYPE || reason == SSL_R_WRONG_VERSION_NUMBER;
  return make_error(damaged ? ErrorClass::retry : ErrorClass::fail, "tls_failed",
                    fmt::format("{} failed: {}", what, take_openssl_reasons()))
      .at("tls")
      .hinting(damaged ? "something on the way changed the bytes: run it again"
                       : "see whether another TLS client reaches the server");
}

std::string take_openssl_reasons() {
  std::string all;
  while (unsigned long code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    if (!all.empty()) all += ", ";
    all += reason ? std::string(reason) : fmt::format("error {:x}", code);
  }
  return all;
}

}  // namespace headrace
