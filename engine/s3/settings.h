// settings.h: how an upload to S3 is to be done, as S3's users have said it already: variables and
// profiles of the AWS tools, and flags before them.
//
// Region: flag, AWS_REGION, AWS_DEFAULT_REGION, the profile's `region`, us-east-1.
// Endpoint: flag, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, `endpoint_url` below `s3 =` of the
// profile's services, `endpoint_url` of the profile, else AWS's own for the region; all but the
// flag are passed over with AWS_IGNORE_CONFIGURED_ENDPOINT_URLS or its option.
// Options below `s3 =` that have no meaning here are listed with the reason.
// Pure but for the reader it is handed. Source: botocore 1.44 and s3transfer 0.19; AWS_REGION as in
// the AWS command line.
// Fails with: bad_s3_setting, bad_endpoint and what a profile fails with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/s3/profile.h"
#include "engine/s3/sigv4.h"

namespace headrace {

enum class S3Addressing : std::uint8_t {
  automatic,  // the bucket in the host for AWS itself, in the path for all others
  path,
  virtual_host,
};

struct S3Flags {
  std::optional<std::string> profile;
  std::optional<std::string> region;
  std::optional<std::string> endpoint_url;
  std::optional<S3Addressing> addressing;
  bool no_sign = false;               // anonymous, whatever keys there are
  std::optional<S3Credentials> keys;  // of a program that has them; before all others
};

struct IgnoredSetting {
  std::string name;
  std::string reason;
};

struct S3Settings {
  std::string region;
  std::string region_source;     // a flag, variable, file; for messages
  std::string endpoint_url;      // without a slash at its end; empty: AWS's own
  std::string endpoint_source;   // empty with it
  std::string sts_endpoint_url;  // the same for the token service
  S3Addressing addressing = S3Addressing::automatic;
  bool dualstack = false;
  bool fips = false;
  bool accelerate = false;
  std::optional<bool> sign_payload;       // unless said, by how the store is reached
  bool checksums_only_if_needed = false;  // request_checksum_calculation = when_required
  std::string ca_bundle;                  // a file or folder of certificates; empty: not said
  std::string ca_bundle_source;           // empty with it
  std::optional<std::uint64_t> multipart_chunksize;
  std::vector<IgnoredSetting> ignored;
};

Result<S3Settings> load_s3_settings(const S3Flags& flags, const AwsProfile& profile,
                                    const Environment& environment);

// What the names of AWS's hosts in this region end with.
std::string_view aws_domain(std::string_view region);

}  // namespace headrace
