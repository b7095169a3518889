// access.h: S3Access, how one store is spoken to by all workers of a job: under which addresses, in
// whose name, and by which clock.
//
// What is learnt on the way counts for every request made from then on: the region that a bucket
// lies in, how far the store's clock is ahead of ours, keys in the place of expired ones. Targets
// share it and may outlive the job's other parts. Thread-safe.
// Fails with: bad_bucket; what keys.h fails with.
#pragma once

#include <memory>
#include <mutex>

#include "engine/s3/credentials.h"
#include "engine/s3/settings.h"
#include "net/http_client.h"

namespace headrace {

class S3Access {
 public:
  S3Access(S3Settings settings, CredentialSource source);

  // Of an object, or of a bucket if `key` is empty. `query` is encoded already, without its mark.
  Result<Url> url(std::string_view bucket, std::string_view key, std::string_view query) const;
  // Whether a body goes there without a digest of it in the signature: over TLS, which keeps it as
  // it is, and to this machine; unless the settings say otherwise.
  bool payload_unsigned(const Url& url) const;
  // In place of an older signature. `now` by our clock, in seconds since 1970.
  void sign(std::string_view method, const Url& url, std::string_view payload, std::int64_t now,
            Headers& headers) const;

  // A URL that may be asked for without keys for so long, by whoever has it.
  std::string presigned(std::string_view method, const Url& url, std::int64_t now,
                        std::int64_t lifetime_s) const;

  // --- what answers teach; true if it is news, so that the same request may be made once more ---
  // Takes the store's clock from the answer where it is more than five minutes off.
  bool learn_clock(const HttpAnswer& answer, std::int64_t now);
  bool learn_region(std::string_view region);
  // The sentences about that, for a person, each once.
  std::vector<std::string> take_news();

  // Keys that are good for the next minutes. Called before anything is signed, and again when a
  // store says that they expired.
  Task<Status> ready(Scope& scope, HttpClient& client);
  void keys_expired();

  std::string region() const;
  const S3Settings& settings() const { return settings_; }
  const std::string& source() const { return source_of(credential_source_); }

 private:
  std::string host_of(std::string_view bucket, bool in_host) const;

  const S3Settings settings_;
  const CredentialSource credential_source_;
  mutable std::mutex mutex_;
  std::string region_;
  std::int64_t clock_ahead_s_ = 0;
  S3Credentials credentials_;
  bool has_keys_ = false;
  std::vector<std::string> news_;
};

}  // namespace headrace
