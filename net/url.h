// url.h: http and https URLs as we send them.
// The host is lower-cased and stands without brackets, the port is always known, the target
// (path and query) stays as it was written, because a signature may cover it: only bytes that
// may not stand in a request line (blanks, beyond ASCII) are percent-encoded. A fragment is
// dropped. User information is refused: credentials travel in headers. A value type, pure.
// Fails with: bad_url.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/error.h"

namespace headrace {

struct Url {
  std::string scheme;  // http or https
  std::string host;    // lower case; an IPv6 address without brackets
  std::uint16_t port = 0;
  std::string target = "/";  // path[?query], begins with a slash

  static Result<Url> parse(std::string_view text);
  // What a Location of an answer to this URL means (RFC 3986, 5.2). Dot segments are removed from
  // relative references only; an absolute one is taken as it stands.
  Result<Url> resolve(std::string_view reference) const;

  bool secure() const { return scheme == "https"; }
  // scheme://host[:port], the port left out where it is the scheme's own.
  std::string origin() const;
  // host[:port] as the Host field wants it.
  std::string authority() const;
  // host:port for messages and for the pool.
  std::string endpoint() const;
  std::string text() const { return origin() + target; }
  // Without the query, which may be a signature.
  std::string redacted() const { return origin() + std::string(path()); }
  std::string_view path() const;
  std::string_view query() const;  // without the question mark
  friend bool operator==(const Url&, const Url&) = default;
};

bool same_origin(const Url& a, const Url& b);

// Letters, digits and -._~ stay as they are, and so does every byte in `keep`.
std::string percent_encode(std::string_view text, std::string_view keep = "");
Result<std::string> percent_decode(std::string_view text);

}  // namespace headrace
