// client_test.cc: what becomes of answers that S3Client gets.
#include "engine/s3/client.h"

#include <doctest/doctest.h>

#include "tests/engine/s3/store_peer.h"

namespace headrace {
namespace {

const S3Place place{.bucket = "b", .key = "k"};

using Call = std::function<Task<Status>(Scope&, S3Client&)>;

Task<Status> copy(Scope& scope, S3Client& client) {
  S3Place from{.bucket = "b", .key = "from"};
  std::string etag = "\"1\"";
  Status copied = co_await client.copy(scope, from, etag, place);
  co_return copied;
}

Task<Status> create(Scope& scope, S3Client& client) {
  Result<std::string> upload = co_await client.create_upload(scope, place, Headers());
  if (!upload) co_return fail(std::move(upload.error()));
  co_return Status();
}

Task<Status> complete(Scope& scope, S3Client& client) {
  std::string upload = "u";
  Result<S3Completed> done = co_await client.complete(scope, place, upload, "<x/>", Headers());
  if (!done) co_return fail(std::move(done.error()));
  co_return Status();
}

// The error of a call that is answered with a success and this error in it.
Error behind_success(const Call& call, const std::string& code) {
  NetLoop net;
  net.handler.reply = [&](const ScriptedHandler::Seen&) { return StorePeer::error(200, code); };
  S3Settings settings;
  settings.region = "us-east-1";
  settings.endpoint_url = loopback_url(net.port, "");
  S3Access access(settings, S3Credentials{.access_key_id = "AKID", .secret_access_key = "secret"});
  S3Client client(net.client, access);
  Status status;
  auto run = [&]() -> Task<void> { status = co_await call(net.scope(), client); };
  net.run(run());
  REQUIRE_FALSE(status.has_value());
  return std::move(status.error());
}

}  // namespace

TEST_CASE("S3: an error behind a success is the store's, as behind any other status") {
  for (const Call& call : {Call(copy), Call(create), Call(complete)}) {
    Error expired = behind_success(call, "ExpiredToken");
    CHECK(expired.code == "keys_expired");
    CHECK(expired.kind == ErrorClass::expired);
    CHECK(expired.status == 200);
    Error busy = behind_success(call, "SlowDown");
    CHECK(busy.code == "slow_down");
    CHECK(busy.kind == ErrorClass::retry);
  }
  CHECK(behind_success(copy, "NoSuchKey").code == "no_such_key");
  Error unknown = behind_success(copy, "InternalError");
  CHECK(unknown.code == "store_refused");
  CHECK(unknown.status == 200);
  CHECK(unknown.stage == "copy");
  CHECK(behind_success(complete, "InternalError").code == "completion_refused");
}

}  // namespace headrace
