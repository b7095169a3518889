#include "engine/s3_account.h"

#include "engine/s3/checksum_use.h"
#include "engine/s3/profile.h"

namespace headrace {

Result<S3Account> load_s3_account(const S3Flags& flags, const Environment& environment) {
  Result<AwsProfile> profile = AwsProfile::load(flags.profile, environment);
  if (!profile) return fail(std::move(profile.error()));
  Result<S3Settings> settings = load_s3_settings(flags, *profile, environment);
  if (!settings) return fail(std::move(settings.error()));
  Result<CredentialSource> credentials = find_credentials(flags, *profile, environment);
  if (!credentials) return fail(std::move(credentials.error()));
  return S3Account{.settings = std::move(*settings),
                   .credentials = std::move(*credentials),
                   .stores_file = stores_file(environment)};
}

Trust trust_of(const S3Account& account, const Trust& chosen) {
  const S3Settings& settings = account.settings;
  if (settings.ca_bundle.empty() || chosen.source == "--ca-cert") return chosen;
  return {.source = settings.ca_bundle_source, .path = settings.ca_bundle, .root = {}};
}

}  // namespace headrace
