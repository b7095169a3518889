// s3_account.h: which store, and in whose name: what flags, variables and the profiles of the AWS
// tools say, read once.
//
// Part of the front door. Contract of the reading: s3/settings.h, s3/credentials.h. Keys that a
// program or a service hands out are fetched when they are needed, by the engine.
#pragma once

#include "engine/s3/credentials.h"
#include "engine/s3/settings.h"
#include "net/trust.h"

namespace headrace {

struct S3Account {
  S3Settings settings;
  CredentialSource credentials;
  // Where it is kept what stores take of checksums, for the next time; empty: nowhere.
  std::string stores_file;
};

Result<S3Account> load_s3_account(const S3Flags& flags, const Environment& environment);

// Whose certificates are believed when the store is spoken to: --ca-cert, then AWS_CA_BUNDLE or
// the profile's `ca_bundle`, then `chosen` without them.
Trust trust_of(const S3Account& account, const Trust& chosen);

}  // namespace headrace
