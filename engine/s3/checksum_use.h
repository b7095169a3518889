// checksum_use.h: what a store is to be told of checksums: by its name, by a trial, or as a trial
// showed before.
//
// AWS takes all there is. Three others are known by their hosts: the Hub's storage buckets ask for
// no checksums, Backblaze B2 refuses every field that names one, Cloudflare R2 reads no aws-chunked
// bodies and takes a checksum as a plain field. Any other store is tried once: an upload in parts
// is begun with a checksum declared, one small part is sent with its checksum behind it, the parts
// are asked for, and the upload is aborted, so nothing stays. A store that does not know the
// framing keeps it as content, which only the size in that list shows. What came of it is kept for
// 30 days in a file that holds addresses and no secrets. Pure; any thread. Sources: the S3 API
// reference; the Hub's page on storage buckets and S3; the pages on S3 compatibility of B2
// (unsupported headers) and R2 (checksum types; streaming SigV4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/s3/checksum.h"
#include "engine/s3/settings.h"

namespace headrace {

// Nothing: the store has to be tried.
std::optional<S3ChecksumUse> preset_checksums(const S3Settings& settings);

// What is sent on trial.
inline constexpr std::string_view trial_content = "headrace: a trial, nothing stays";

struct S3Trial {
  bool declared = false;     // the upload was begun with kind and type
  bool trailer = false;      // the part was confirmed
  std::uint64_t size = 0;    // of the part, by the list; 0: there was none
  bool names_parts = false;  // a checksum stood in the answer to the part, or in the list
};
S3ChecksumUse checksums_after(const S3Trial& trial);
// Of a store that nobody knows and nobody tries: fields before the bytes, where they are known.
S3ChecksumUse checksums_untried();

// The file of what trials showed, a line for each store. A line that is not ours says nothing.
std::string stores_file(const Environment& environment);
std::optional<S3ChecksumUse> remembered_checksums(std::string_view file, std::string_view endpoint,
                                                  std::int64_t now);
// The file with that added, and with what is too old left out.
std::string remember_checksums(std::string_view file, std::string_view endpoint,
                               const S3ChecksumUse& use, std::int64_t now);

}  // namespace headrace
