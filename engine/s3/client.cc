#include "engine/s3/client.h"

#include <array>

#include <fmt/format.h>

#include "engine/s3/sigv4.h"
#include "io/digest/sha256.h"
#include "io/worker.h"

namespace headrace {
namespace {

struct Meaning {
  std::string_view theirs;
  std::string_view code;
  ErrorClass kind;
  std::string_view hint;
};

constexpr std::string_view check_keys = "check the access key and its secret";
constexpr std::string_view run_again = "run the same command again";
constexpr std::string_view renew_keys =
    "get new keys (a session token ends with its session), then run the same command again";

// The store's names, by what becomes of them.
constexpr std::array meanings = {
    Meaning{"NoSuchBucket", "no_such_bucket", ErrorClass::fail,
            "check the name of the bucket and the endpoint; headrace does not create buckets"},
    Meaning{"NoSuchUpload", "no_such_upload", ErrorClass::fail, run_again},
    Meaning{"NoSuchKey", "no_such_key", ErrorClass::fail, "check the key"},
    Meaning{"AccessDenied", "access_denied", ErrorClass::fail,
            "ask for the right to write to the bucket, or use other keys (--profile)"},
    Meaning{"AllAccessDisabled", "access_denied", ErrorClass::fail, ""},
    Meaning{"InvalidAccessKeyId", "keys_refused", ErrorClass::fail, check_keys},
    Meaning{"SignatureDoesNotMatch", "keys_refused", ErrorClass::fail, check_keys},
    Meaning{"XAdminUserNotFound", "keys_refused", ErrorClass::fail, check_keys},  // versitygw
    Meaning{"InvalidToken", "keys_refused", ErrorClass::fail, check_keys},
    Meaning{"ExpiredToken", "keys_expired", ErrorClass::expired, renew_keys},
    Meaning{"ExpiredTokenException", "keys_expired", ErrorClass::expired, renew_keys},
    Meaning{"RequestExpired", "keys_expired", ErrorClass::expired, renew_keys},
    Meaning{"RequestTimeTooSkewed", "clock_wrong", ErrorClass::fail, "set this machine's clock"},
    Meaning{"AuthorizationHeaderMalformed", "wrong_region", ErrorClass::fail,
            "name the bucket's region with --region"},
    Meaning{"PermanentRedirect", "wrong_region", ErrorClass::fail,
            "name the bucket's region with --region, or its endpoint with --endpoint-url"},
    Meaning{"TemporaryRedirect", "wrong_region", ErrorClass::fail, run_again},
    Meaning{"IllegalLocationConstraintException", "wrong_region", ErrorClass::fail,
            "name the bucket's region with --region"},
    Meaning{"SlowDown", "slow_down", ErrorClass::retry, "use fewer connections (--connections)"},
    Meaning{"SlowDownWrite", "slow_down", ErrorClass::retry,
            "use fewer connections (--connections)"},
    Meaning{"TooManyRequests", "slow_down", ErrorClass::retry,
            "use fewer connections (--connections)"},
    Meaning{"RequestTimeout", "http_status", ErrorClass::retry, run_again},
    Meaning{"OperationAborted", "http_status", ErrorClass::retry, run_again},
    Meaning{"ConditionalRequestConflict", "http_status", ErrorClass::retry, run_again},
    Meaning{"PreconditionFailed", "object_exists", ErrorClass::fail,
            "leave --if-none-match out to replace it"},
    Meaning{"InvalidPart", "bad_part", ErrorClass::fail, run_again},
    Meaning{"InvalidPartOrder", "bad_part", ErrorClass::fail, run_again},
    Meaning{"EntityTooSmall", "part_too_small", ErrorClass::fail,
            "choose a larger --part-size: the store takes no part below its least size"},
    Meaning{"EntityTooLarge", "object_too_large", ErrorClass::fail,
            "the store takes no object or part of that size"},
    Meaning{"BadDigest", "checksum_mismatch", ErrorClass::retry, run_again},
    Meaning{"XAmzContentChecksumMismatch", "checksum_mismatch", ErrorClass::retry, run_again},
    Meaning{"XAmzContentSHA256Mismatch", "checksum_mismatch", ErrorClass::retry, run_again},
};

const Meaning* meaning_of(std::string_view theirs) {
  for (const Meaning& meaning : meanings) {
    if (meaning.theirs == theirs) return &meaning;
  }
  return nullptr;
}

// Of an answer without a body, to a HEAD for one.
std::string_view code_of(int status) {
  if (status == 403) return "access_denied";
  if (status == 412) return "object_exists";
  if (status == 301) return "wrong_region";
  return "http_status";
}

// A condition on an ETag that failed.
Error changed_if_so(Error error) {
  if (error.status != 412) return error;
  error.code = "object_changed";
  error.hint = "look who else writes to it, then run the same command again";
  return error;
}

}  // namespace

Error judge_s3(Error error, const HttpAnswer& answer) {
  S3ErrorAnswer said = parse_s3_error(answer.body);
  if (const Meaning* meaning = meaning_of(said.code)) {
    error.code = meaning->code;
    error.kind = meaning->kind;
    error.hint = meaning->hint;
  } else if (error.code.empty() || error.code == "http_status") {
    error.code = code_of(answer.status);
  }
  if (error.code == "keys_refused" && error.hint.empty()) error.hint = check_keys;
  if (!said.request_id.empty() && error.request_id.empty()) {
    error.request_id = redact_text(said.request_id, 200);
  }
  return error;
}

// The error that stands in an answer of status 200.
Error inside(const HttpAnswer& answer, Error error) {
  error.status = answer.status;
  return judge_s3(std::move(error), answer);
}

bool learn_from(const Error& judged, const HttpAnswer& answer, S3Access& access, std::int64_t now) {
  std::string region(answer.headers.value_or("x-amz-bucket-region", ""));
  if (region.empty()) region = parse_s3_error(answer.body).region;
  bool elsewhere = judged.code == "wrong_region" || answer.status == 301 || answer.status == 400;
  if (elsewhere && access.learn_region(region)) return true;
  return answer.status == 403 && access.learn_clock(answer, now);
}

// Signs again before each new try, since a signature holds the time.
class S3Client::Again final : public RetryObserver {
 public:
  Again(const S3Client& client, const Call& call, HttpRequest& request)
      : client_(client), call_(call), request_(request) {}
  void retry_waits(const Error&, std::int64_t) override {
    if (client_.retries_) client_.retries_->fetch_add(1, std::memory_order_relaxed);
  }
  Task<Status> retry_goes_on(Scope&) override {
    client_.sign(call_, request_);
    co_return Status();
  }

 private:
  const S3Client& client_;
  const Call& call_;
  HttpRequest& request_;
};

std::int64_t S3Client::now() const { return http_.worker().backend().wall_seconds(); }

void S3Client::sign(const Call& call, HttpRequest& request) const {
  std::string payload(call.payload.empty() ? payload_empty : call.payload);
  if (call.payload.empty() && !call.body.empty()) payload = sha256_of(call.body).hex();
  access_.sign(call.method, request.url, payload, now(), request.headers);
}

Task<Result<HttpAnswer>> S3Client::send_signed(Scope& scope, const Call& call,
                                               HttpRequest& request) {
  Result<Url> url = access_.url(call.place.bucket, call.place.key, call.query);
  if (!url) co_return fail(std::move(url.error()));
  request.method = call.method;
  request.url = std::move(*url);
  request.headers = call.headers;
  request.body = Body(call.body);
  request.follow_redirects = false;
  request.idempotent = call.repeat;
  request.stage = call.stage;
  request.deadlines.first_byte = call.first_byte;
  sign(call, request);
  if (!call.repeat) {
    Result<HttpAnswer> answer = co_await http_.send(scope, request);
    co_return answer;
  }
  Again again(*this, call, request);
  Result<HttpAnswer> answer = co_await send_retried(scope, http_, request, {}, &again);
  co_return answer;
}

Task<Result<HttpAnswer>> S3Client::send(Scope& scope, Call call) {
  constexpr int corrections_max = 3;  // the region, the clock, and keys that expired
  for (int corrected = 0;; ++corrected) {
    Status ready = co_await access_.ready(scope, http_);
    if (!ready) co_return fail(std::move(ready.error()));
    HttpRequest request;
    Result<HttpAnswer> answer = co_await send_signed(scope, call, request);
    if (!answer) {
      Error error = std::move(answer.error());
      if (error.status != 0 && error.server_message.starts_with("SlowDown")) {
        error.code = "slow_down";
        error.hint = "use fewer connections (--connections)";
      }
      co_return fail(std::move(error).at(call.stage));
    }
    if (answer->status < 300) co_return answer;
    Error error = judge_s3(error_of_answer(*answer, request, now()), *answer);
    bool again = learn_from(error, *answer, access_, now());
    if (error.code == "keys_expired") {
      access_.keys_expired();
      again = true;
    }
    if (!again || corrected == corrections_max) {
      if (answer->status == 404 && call.method == "HEAD") co_return answer;
      co_return fail(std::move(error).at(call.stage));
    }
  }
}

Task<Status> S3Client::look_at_bucket(Scope& scope, const std::string& bucket) {
  Call call{.method = "GET",
            .place = {.bucket = bucket, .key = {}},
            .query = "list-type=2&max-keys=1",
            .stage = "bucket"};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (answer) co_return Status();
  // A key may be for writing alone; what it may do shows when it does it.
  if (answer.error().code == "access_denied") co_return Status();
  co_return fail(std::move(answer.error()));
}

Task<Result<std::optional<S3Head>>> S3Client::head(Scope& scope, const S3Place& place,
                                                   bool checksums) {
  Call call{.method = "HEAD", .place = place, .query = {}, .stage = "head"};
  if (checksums) call.headers.set("x-amz-checksum-mode", "ENABLED");
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (!answer) co_return fail(std::move(answer.error()));
  if (answer->status == 404) co_return std::optional<S3Head>();
  Result<S3Head> found = parse_s3_head(answer->headers);
  if (!found) co_return fail(std::move(found.error()).at("head"));
  co_return std::optional<S3Head>(std::move(*found));
}

Task<Result<std::string>> S3Client::read(Scope& scope, const S3Place& place, const Piece& piece) {
  std::uint64_t last = piece.offset + piece.size - 1;
  Call call{.method = "GET",
            .place = place,
            .query = {},
            .stage = "read",
            .headers = {{"range", fmt::format("bytes={}-{}", piece.offset, last)},
                        {"if-match", piece.etag}}};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (!answer) co_return fail(changed_if_so(std::move(answer.error())));
  if (answer->status == 206 && answer->body.size() == piece.size) co_return std::move(answer->body);
  co_return fail(make_error(ErrorClass::fail, "bad_answer",
                            fmt::format("{} bytes were asked for and {} came", piece.size,
                                        answer->body.size()))
                     .at("read"));
}

Task<Status> S3Client::copy(Scope& scope, const S3Place& from, const std::string& etag,
                            const S3Place& to) {
  std::string source = percent_encode(from.bucket) + "/" + percent_encode(from.key, "/");
  Call call{.method = "PUT",
            .place = to,
            .query = {},
            .stage = "copy",
            .headers = {{"x-amz-copy-source", source}, {"x-amz-copy-source-if-match", etag}},
            .first_byte = 600s};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (!answer) co_return fail(changed_if_so(std::move(answer.error())));
  Status copied = parse_copied(answer->body);
  if (copied) co_return copied;
  co_return fail(inside(*answer, std::move(copied.error())).at("copy"));
}

Task<Status> S3Client::remove(Scope& scope, const S3Place& place) {
  Call call{.method = "DELETE", .place = place, .query = {}, .stage = "remove"};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (answer || answer.error().code == "no_such_key") co_return Status();
  co_return fail(std::move(answer.error()));
}

Task<Result<std::string>> S3Client::create_upload(Scope& scope, const S3Place& place,
                                                  Headers headers) {
  Call call{.method = "POST",
            .place = place,
            .query = "uploads=",
            .stage = "create_upload",
            .headers = std::move(headers)};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (!answer) co_return fail(std::move(answer.error()));
  Result<std::string> upload = parse_created_upload(answer->body);
  if (!upload) co_return fail(inside(*answer, std::move(upload.error())).at("create_upload"));
  co_return upload;
}

Task<Result<S3Completed>> S3Client::complete(Scope& scope, const S3Place& place,
                                             const std::string& upload, std::string body,
                                             Headers headers) {
  headers.set("content-type", "application/xml");
  Call call{.method = "POST",
            .place = place,
            .query = "uploadId=" + percent_encode(upload),
            .stage = "complete",
            .headers = std::move(headers),
            .body = std::move(body),
            .repeat = false,
            // Putting 10,000 parts together takes a store minutes.
            .first_byte = 600s};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (!answer) co_return fail(std::move(answer.error()));
  Result<S3Completed> completed = parse_completed(answer->body);
  if (completed) co_return completed;
  co_return fail(inside(*answer, std::move(completed.error())).at("complete"));
}

Task<Result<S3Checksums>> S3Client::try_trailer(Scope& scope, const S3Place& place,
                                                const std::string& upload,
                                                std::string_view content) {
  constexpr S3ChecksumKind kind = S3ChecksumKind::crc64nvme;
  std::unique_ptr<Digest> digest = digest_of(kind);
  digest->update(content);
  std::string_view field = checksum_field(kind);
  Call call{.method = "PUT",
            .place = place,
            .query = "partNumber=1&uploadId=" + percent_encode(upload),
            .stage = "trial",
            .headers = {{"content-encoding", "aws-chunked"},
                        {"x-amz-decoded-content-length", std::to_string(content.size())},
                        {"x-amz-trailer", std::string(field)}},
            .body = fmt::format("{:x}\r\n{}\r\n0\r\n{}:{}\r\n\r\n", content.size(), content, field,
                                checksum_text(digest->finish())),
            .payload = payload_unsigned_trailer};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return checksums_in(answer->headers);
}

Task<Result<std::vector<S3Part>>> S3Client::list_parts(Scope& scope, const S3Place& place,
                                                       const std::string& upload) {
  std::vector<S3Part> parts;
  std::string marker;
  while (true) {
    Call call{.method = "GET",
              .place = place,
              .query = marker + "uploadId=" + percent_encode(upload),
              .stage = "list_parts"};
    Result<HttpAnswer> answer = co_await send(scope, std::move(call));
    if (!answer) co_return fail(std::move(answer.error()));
    Result<S3PartPage> page = parse_part_page(answer->body);
    if (!page) co_return fail(std::move(page.error()).at("list_parts"));
    for (S3Part& part : page->parts) parts.push_back(std::move(part));
    if (!page->truncated) co_return parts;
    marker = fmt::format("part-number-marker={}&", page->next_number);
  }
}

Task<Status> S3Client::abort(Scope& scope, const S3Place& place, const std::string& upload) {
  Call call{.method = "DELETE",
            .place = place,
            .query = "uploadId=" + percent_encode(upload),
            .stage = "abort"};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (answer || answer.error().code == "no_such_upload") co_return Status();
  co_return fail(std::move(answer.error()));
}

Task<Result<std::vector<S3Upload>>> S3Client::list_uploads(Scope& scope, const std::string& bucket,
                                                           const std::string& prefix) {
  std::vector<S3Upload> found;
  std::string marker;
  while (true) {
    Call call{.method = "GET",
              .place = {.bucket = bucket, .key = {}},
              .query = "prefix=" + percent_encode(prefix) + "&uploads=" + marker,
              .stage = "list_uploads"};
    Result<HttpAnswer> answer = co_await send(scope, std::move(call));
    if (!answer) co_return fail(std::move(answer.error()));
    Result<S3UploadPage> page = parse_upload_page(answer->body);
    if (!page) co_return fail(std::move(page.error()).at("list_uploads"));
    for (S3Upload& upload : page->uploads) found.push_back(std::move(upload));
    if (!page->truncated) co_return found;
    marker = "&key-marker=" + percent_encode(page->next_key) +
             "&upload-id-marker=" + percent_encode(page->next_upload);
  }
}

}  // namespace headrace
