// messages_credentials.h: what is asked of the services that hand out keys, and their answers.
//
// Requests are data; whoever sends them follows no redirect and never logs an answer. The answers
// hold secrets: errors name a field that is wrong, never what stands in it.
// JSON and XML are known to the .cc file alone. Pure; any thread. Source: botocore 1.44
// (credentials.py, utils.py) and the STS API reference, AssumeRoleWithWebIdentity.
// Fails with: bad_answer, no_credentials, bad_url, credential_process_failed, bad_header.
#pragma once

#include <string>
#include <string_view>

#include "engine/s3/credentials.h"
#include "io/subprocess.h"
#include "net/headers.h"
#include "net/url.h"

namespace headrace {

struct CredentialRequest {
  std::string method;
  Url url;
  Headers headers;
  std::string body;
};

// What a credential_process printed, or why it is of no use.
Result<S3Credentials> credentials_of_process(const CredentialProcess& process,
                                             const ProcessOutput& output);

// `authorization` is what stands in the file, where the source names one.
Result<CredentialRequest> container_request(const ContainerCredentials& container,
                                            std::string_view authorization);
Result<S3Credentials> parse_container(std::string_view body);

// Three requests in a row: a token; the name of the role (the first line of the answer); its keys.
// Without a token (an empty one) the service is asked as it was before there were tokens.
Result<CredentialRequest> instance_token_request(const InstanceCredentials& instance);
Result<CredentialRequest> instance_role_request(const InstanceCredentials& instance,
                                                std::string_view token);
Result<CredentialRequest> instance_keys_request(const InstanceCredentials& instance,
                                                std::string_view token, std::string_view role);
// no_credentials where the service says that it has none.
Result<S3Credentials> parse_instance(std::string_view body);

// `token` is what stands in the file; `now` makes a name for the session, where it has none.
Result<CredentialRequest> web_identity_request(const WebIdentity& identity, std::string_view token,
                                               const S3Settings& settings, std::int64_t now);
Result<S3Credentials> parse_web_identity(std::string_view body);

}  // namespace headrace
