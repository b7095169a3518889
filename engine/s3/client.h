// client.h: S3Client, the calls of the S3 API that uploads and the hub need, one method each.
//
// Made for a call or a few, over a worker's HTTP client. Each request is signed anew for each try.
// What may pass is tried up to five times as retry.h says; beyond that, a wrong clock, a bucket of
// another region and keys that expired are each put right once, said, and remembered in the access.
// Complete is sent once: what may follow depends on the answer.
// Errors: the store's code becomes one of ours (see judge_s3), with what it said.
// Source: the S3 API reference; behaviour of AWS, MinIO, versitygw, moto.
#pragma once

#include "engine/s3/access.h"
#include "engine/s3/messages.h"
#include "net/http_retry.h"

namespace headrace {

struct S3Place {
  std::string bucket;
  std::string key;
};

class S3Client {
 public:
  S3Client(HttpClient& http, S3Access& access) : http_(http), access_(access) {}
  // Counts tries beyond the first.
  void count_retries(std::atomic<std::uint64_t>& counter) { retries_ = &counter; }

  // Is the bucket there, in our region, and the clock right? Who may write but not list passes.
  Task<Status> look_at_bucket(Scope& scope, const std::string& bucket);
  // Nothing: there is no such object. `checksums`: they are asked for.
  Task<Result<std::optional<S3Head>>> head(Scope& scope, const S3Place& place, bool checksums);
  // A range of the object, which still is the one of that ETag.
  struct Piece {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::string etag;
  };
  Task<Result<std::string>> read(Scope& scope, const S3Place& place, const Piece& piece);
  // Inside the store, and only while `from` still is the one of that ETag; 5 GiB at most.
  Task<Status> copy(Scope& scope, const S3Place& from, const std::string& etag, const S3Place& to);
  // One that is not there is fine.
  Task<Status> remove(Scope& scope, const S3Place& place);
  // `headers`: all that the object is to have. The upload's id.
  Task<Result<std::string>> create_upload(Scope& scope, const S3Place& place, Headers headers);
  Task<Result<S3Completed>> complete(Scope& scope, const S3Place& place, const std::string& upload,
                                     std::string body, Headers headers);
  // A first part with its checksum behind it, as S3TrialRun wants it; what the answer names.
  Task<Result<S3Checksums>> try_trailer(Scope& scope, const S3Place& place,
                                        const std::string& upload, std::string_view content);
  Task<Result<std::vector<S3Part>>> list_parts(Scope& scope, const S3Place& place,
                                               const std::string& upload);
  // One that is gone is fine.
  Task<Status> abort(Scope& scope, const S3Place& place, const std::string& upload);
  // All below a prefix.
  Task<Result<std::vector<S3Upload>>> list_uploads(Scope& scope, const std::string& bucket,
                                                   const std::string& prefix);

 private:
  struct Call {
    std::string method;
    S3Place place;
    std::string query;
    std::string_view stage;
    Headers headers{};
    std::string body{};
    std::string_view payload{};  // empty: the body's digest
    bool repeat = true;
    Duration first_byte = 60s;
  };
  class Again;
  Task<Result<HttpAnswer>> send(Scope& scope, Call call);
  Task<Result<HttpAnswer>> send_signed(Scope& scope, const Call& call, HttpRequest& request);
  void sign(const Call& call, HttpRequest& request) const;
  std::int64_t now() const;

  HttpClient& http_;
  S3Access& access_;
  std::atomic<std::uint64_t>* retries_ = nullptr;
};

// `error` as the answer makes it by its status, with the store's code made into ours:
// no_such_bucket, no_such_upload, access_denied, keys_refused, keys_expired (expired), clock_wrong,
// wrong_region, slow_down (retry), object_exists, bad_part, part_too_small, checksum_mismatch
// (retry), http_status.
Error judge_s3(Error error, const HttpAnswer& answer);
// What the answer teaches; true if the same request may be made once more because of it.
bool learn_from(const Error& judged, const HttpAnswer& answer, S3Access& access, std::int64_t now);

}  // namespace headrace
