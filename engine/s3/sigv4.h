// sigv4.h: Signature Version 4 as S3 wants it, in the fields of a request or in its URL.
//
// What is signed: method, path and query of the URL, the host, every field that is in the headers
// by then (but not those that a connection or a proxy may change on the way), and what is said of
// the body. S3 signs the path as it is sent, encoded once and with its dots and doubled slashes.
// Pure; any thread. The time is the caller's, who adds what the store's clock is ahead of ours.
// Sources: the S3 API reference, "Authenticating Requests (AWS Signature Version 4)"; botocore.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/headers.h"
#include "net/url.h"

namespace headrace {

// Never printed but for the id of the key.
struct S3Credentials {
  std::string access_key_id;  // empty: requests go unsigned
  std::string secret_access_key;
  std::string session_token;    // empty for a lasting key
  std::int64_t expires_at = 0;  // in seconds since 1970, 0: never
  std::string source;           // a variable, a file and its profile, …: for messages

  bool anonymous() const { return access_key_id.empty(); }
};

// What x-amz-content-sha256 says of a body: its digest in hexadecimal, or one of these.
inline constexpr std::string_view payload_unsigned = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view payload_unsigned_trailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
inline constexpr std::string_view payload_empty =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct Signing {
  const S3Credentials& credentials;
  std::string_view region;
  std::int64_t now;  // in seconds since 1970, by the store's clock
  std::string_view service = "s3";
};

// Adds x-amz-date, x-amz-content-sha256 (for s3), x-amz-security-token and Authorization, in the
// place of those that are there. Anonymous credentials add what they say of the body alone.
void sign_headers(const Signing& signing, std::string_view method, const Url& url,
                  std::string_view payload, Headers& headers);

// The URL that may be asked for without credentials until `lifetime_s` is over (a week at most).
// Whoever asks sends `headers` as they are here; nothing is said of the body.
std::string presigned_url(const Signing& signing, std::string_view method, const Url& url,
                          const Headers& headers, std::int64_t lifetime_s);

}  // namespace headrace
