// s3_account.h: which store, and in whose name: what flags, variables and the profiles of the AWS
// tools say, read once.
//
// Part of the front door. Contract of the reading: s3/settings.h, s3/credentials.h. Keys that a
// program or a service hands out are fetched when they are needed, by the engine.
#pragma once

#include "engine/s3/credentials.h"
#include "engine/s3/settings.h"

namespace headrace {

struct S3Account {
  S3Settings settings;
  CredentialSource credentials;
  // Where it is kept what stores take of checksums, for the next time; empty: nowhere.
  std::string stores_file;
};

Result<S3Account> load_s3_account(const S3Flags& flags, const Environment& environment);

}  // namespace headrace
