// trust.h: whose certificates are believed, and where they are read from.
//
// The first that is named counts, alone: the flag --ca-cert, then SSL_CERT_FILE and SSL_CERT_DIR
// (OpenSSL, and httpx2 2.16, which huggingface_hub 2.4.0 uses, in this order), then
// REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE (requests 2.32, with which older versions of it ask; curl
// knows the second), else the system's store. A variable that is empty is one that is not set, as
// all of them have it. SSL_CERT_DIR is a list of folders between colons; each of the others names
// a file in PEM or a folder. Of a folder the files with hashed names count (`openssl rehash`), as
// OpenSSL would look them up; they are read at once, so that a handshake never waits for a disk.
// The system's store is the first of the places that distributions keep it in which holds a
// certificate. A root that is named and not there is an error, and never means the system's.
// choose_trust() is pure; load_trust() reads files. Fails with: ca_unreadable, ca_empty.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "io/error.h"

struct x509_store_st;

namespace headrace {

struct Trust {
  std::string source;  // --ca-cert or a variable; empty: the system's store
  std::string path;    // as it was given; empty for the system's store
  std::string root;    // what stands before the system's places; for tests

  // For messages: "the system's store", "--ca-cert /a/file".
  std::string text() const;
};

// The value of an environment variable, nothing if it is not set.
using TrustVariable = std::function<std::optional<std::string>(std::string_view name)>;
Trust choose_trust(const std::optional<std::string>& flag, const TrustVariable& variable);

struct LoadedTrust {
  std::string path;  // what was read
  std::size_t certificates = 0;
};
// Adds to `store` what is trusted.
Result<LoadedTrust> load_trust(const Trust& trust, x509_store_st& store);

}  // namespace headrace
