// messages.h: the bodies and fields that go to a store and come from it, as plain values.
//
// A *_body() function makes the text of a request; a parse_*() function reads an answer, and all
// of it: an answer that is cut short, holds what it must not, or lacks what it must have comes back
// as `bad_answer`. An error document behind a success is one too: parse_completed() and
// parse_created_upload() make `completion_refused` or `store_refused` of it, with what it says.
// XML is known to the .cc file alone. Pure; any thread. Source: the S3 API reference; answers seen
// of MinIO, versitygw and moto.
// Fails with: bad_answer, completion_refused, store_refused.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/s3/checksum.h"
#include "io/error.h"
#include "net/headers.h"

namespace headrace {

// What stands in an error document. All is empty where there is none; texts are as they came.
struct S3ErrorAnswer {
  std::string code;
  std::string message;
  std::string request_id;
  std::string host_id;
  std::string region;    // AuthorizationHeaderMalformed: the right one
  std::string endpoint;  // PermanentRedirect: the right one
  std::string bucket;
};
S3ErrorAnswer parse_s3_error(std::string_view body);

using S3Checksums = std::map<S3ChecksumKind, std::string>;  // in base64

// --- an upload in parts ---

// The id of the upload.
Result<std::string> parse_created_upload(std::string_view body);

std::string complete_body(std::span<const S3Part> parts, S3ChecksumKind kind,
                          const S3ChecksumUse& use);

struct S3Completed {
  std::string etag;
  std::string checksum_type;  // FULL_OBJECT or COMPOSITE, empty if it is not said
  S3Checksums checksums;

  std::string checksum_of(S3ChecksumKind kind) const;  // empty if it is not said
};
Result<S3Completed> parse_completed(std::string_view body);

struct S3PartPage {
  std::vector<S3Part> parts;
  bool truncated = false;
  std::uint32_t next_number = 0;  // part-number-marker of the next page
  std::string checksum_type;
  std::optional<S3ChecksumKind> kind;  // of the parts' checksums
};
Result<S3PartPage> parse_part_page(std::string_view body);

struct S3Upload {
  std::string key;
  std::string upload;
  std::int64_t begun_at = 0;  // in seconds since 1970, 0 if it is not said
};
struct S3UploadPage {
  std::vector<S3Upload> uploads;
  bool truncated = false;
  std::string next_key;     // key-marker and
  std::string next_upload;  // upload-id-marker of the next page
};
Result<S3UploadPage> parse_upload_page(std::string_view body);

// --- objects ---

// Of a copy inside the store, whose answer may hold an error behind a success.
Status parse_copied(std::string_view body);

// What a HEAD says of one.
struct S3Head {
  std::uint64_t size = 0;
  std::string etag;
  std::string checksum_type;
  S3Checksums checksums;
};
Result<S3Head> parse_s3_head(const Headers& headers);

// The checksums that a store names in the fields of an answer.
S3Checksums checksums_in(const Headers& headers);

}  // namespace headrace
