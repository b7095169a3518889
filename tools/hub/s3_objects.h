// s3_objects.h: S3Objects, RemoteObjects in a bucket, spoken to as `headrace cp` does.
//
// Calls block their thread while a worker of its own makes the requests; several run side by side.
// Keys are below the prefix. Content is read in ranges of 8 MiB under one ETag, so that an object
// that is replaced meanwhile is noticed. Made by open(), which looks whether the bucket is there;
// destroyed when no call is under way.
// Fails with: what S3Client fails with; no_such_key.
#pragma once

#include <functional>
#include <memory>

#include "engine/s3/client.h"
#include "engine/s3_account.h"
#include "io/runtime.h"
#include "net/http_client.h"
#include "net/resolver.h"
#include "tools/hub/remote_objects.h"

namespace headrace::hub {

class S3Objects final : public RemoteObjects {
 public:
  struct Place {
    std::string bucket;
    std::string prefix;  // without a slash at its end
  };
  static Result<std::unique_ptr<S3Objects>> open(const S3Account& account, Place place,
                                                 const NetworkOptions& network);
  ~S3Objects() override;

  Result<std::string> url(std::string_view method, const std::string& key,
                          std::int64_t lifetime_s) override;
  Result<std::vector<std::string>> part_urls(const std::string& key, const std::string& upload,
                                             std::uint64_t count, std::int64_t lifetime_s) override;
  Result<std::string> begin(const std::string& key) override;
  Status complete(const std::string& key, const std::string& upload,
                  std::span<const std::string> etags) override;
  Status abort(const std::string& key, const std::string& upload) override;
  Result<RemoteContent> read(const std::string& key) override;
  Status copy(const std::string& from, const std::string& etag, const std::string& to) override;
  Status remove(const std::string& key) override;

 private:
  S3Objects(const S3Account& account, Place place, std::unique_ptr<Runtime> runtime,
            const NetworkOptions& network);

  // A call of the client, on the worker, waited for.
  template <class Value>
  using Function = std::function<Task<Value>(Scope&, S3Client&)>;
  template <class Value>
  Value call(const Function<Value>& function);
  // Keys that are good for a while; then signing needs no worker.
  Status ready();
  Result<std::string> signed_url(std::string_view method, const S3Place& place,
                                 std::string_view query, std::int64_t lifetime_s);
  S3Place place_of(const std::string& key) const;
  Status hash(const std::string& key, RemoteContent& content);

  const Place place_;
  S3Access access_;
  SystemResolver resolver_;
  std::unique_ptr<Runtime> runtime_;
  HttpClient http_;
};

}  // namespace headrace::hub
