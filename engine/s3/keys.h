// keys.h: KeyFetch, keys for a store from wherever they come: as they are, from a program, or from
// a service that is asked.
//
// Programs and files are waited for on another thread. Nothing that is sent or comes is shown in a
// log: bodies lie in pieces, which a log does not print, and answers are never printed.
// Fails with: what messages_credentials.h and subprocess.h fail with; keys_file_unreadable.
#pragma once

#include "engine/s3/messages_credentials.h"
#include "net/http_retry.h"

namespace headrace {

struct KeyFetch {
  HttpClient& client;
  const S3Settings& settings;

  Task<Result<S3Credentials>> run(Scope& scope, const CredentialSource& source);

 private:
  Task<Result<S3Credentials>> of_process(Scope& scope, CredentialProcess process);
  Task<Result<S3Credentials>> of_web_identity(Scope& scope, const WebIdentity& identity);
  Task<Result<S3Credentials>> of_container(Scope& scope, const ContainerCredentials& container);
  Task<Result<S3Credentials>> of_instance(Scope& scope, const InstanceCredentials& instance);
  // The body of a success.
  Task<Result<std::string>> ask(Scope& scope, Result<CredentialRequest> wish,
                                const RetryPolicy& policy, Duration limit);
};

}  // namespace headrace
