// credentials.h: where the keys for a store come from, in the order of botocore.
//
//  0. what a program hands in
//  1. AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, unless a profile was named by flag
//  2. a role for a web identity: AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, or the profile's
//  3. the profile's keys in the credentials file, its `credential_process`, its keys in the config
//  4. AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI
//  5. the instance metadata service, unless AWS_EC2_METADATA_DISABLED is true
// Profiles that need a login of the AWS tools (sso, login, a role by another profile) are an error
// that says how these tools hand their keys on.
// What needs a program or a request is returned as data; messages_credentials.h makes the
// requests and reads the answers. Secrets are in the values and never in messages.
// Pure but for the reader it is handed. Source: botocore 1.44, credentials.py and utils.py.
// Fails with: no_credentials, partial_credentials, credentials_unsupported, bad_s3_setting.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "engine/s3/profile.h"
#include "engine/s3/settings.h"
#include "engine/s3/sigv4.h"

namespace headrace {

// A program that prints keys. No shell has a part in it.
struct CredentialProcess {
  std::vector<std::string> argv;
  std::string source;
};

struct WebIdentity {
  std::string role_arn;
  std::string session_name;  // empty: one is made up
  std::string token_file;
  std::string source;
};

struct ContainerCredentials {
  std::string url;
  std::string authorization;       // a secret; empty: none, or in the file
  std::string authorization_file;  // read anew for each request
  std::string source;
};

struct InstanceCredentials {
  std::string endpoint;  // without a slash at its end
  int timeout_s = 1;
  int attempts = 1;
  bool without_token_allowed = true;  // the first version of the service
  std::string source;
};

using CredentialSource = std::variant<S3Credentials, CredentialProcess, WebIdentity,
                                      ContainerCredentials, InstanceCredentials>;

Result<CredentialSource> find_credentials(const S3Flags& flags, const AwsProfile& profile,
                                          const Environment& environment);

// "the environment", "profile NAME in FILE", …: for -v and for errors.
const std::string& source_of(const CredentialSource& source);

// The error when all has been asked and nobody had keys.
Error no_credentials(std::string_view asked);

}  // namespace headrace
