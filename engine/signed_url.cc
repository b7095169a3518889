#include "engine/signed_url.h"

namespace headrace {

bool says_expired(int status, std::string_view body, std::int64_t expires_at, std::int64_t now) {
  if (status != 403) return false;
  if (expires_at > 0 && now >= expires_at) return true;
  return body.contains("has expired") || body.contains("ExpiredToken") ||
         body.contains("TokenExpired");
}

void become_url_expired(Error& error) {
  error.kind = ErrorClass::expired;
  error.code = "url_expired";
  error.hint =
      "the line is too slow for the lifetime of the URLs: try fewer connections (--connections), "
      "and check this machine's clock";
}

}  // namespace headrace
