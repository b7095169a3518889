// remote_objects.h: RemoteObjects, a store elsewhere that keeps LFS content: what the hub asks of
// it.
//
// Keys are below the hub's own place there. A URL that it gives holds its right in itself, so that
// clients send content to the store and fetch it from there, and nothing of it goes through the
// hub. Thread: any; calls block. Errors: the store's, and `no_such_upload` and `no_such_key` by
// name.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/error.h"

namespace headrace::hub {

// An object as it was when it was read.
struct RemoteContent {
  std::uint64_t size = 0;
  std::string sha256;  // in hexadecimal
  std::string etag;
};

class RemoteObjects {
 public:
  virtual ~RemoteObjects() = default;

  virtual Result<std::string> url(std::string_view method, const std::string& key,
                                  std::int64_t lifetime_s) = 0;
  // Where the parts of an upload are put, in order.
  virtual Result<std::vector<std::string>> part_urls(const std::string& key,
                                                     const std::string& upload, std::uint64_t count,
                                                     std::int64_t lifetime_s) = 0;
  // An upload in parts: its id; made whole out of its parts, in order, by their ETags.
  virtual Result<std::string> begin(const std::string& key) = 0;
  virtual Status complete(const std::string& key, const std::string& upload,
                          std::span<const std::string> etags) = 0;
  virtual Status abort(const std::string& key, const std::string& upload) = 0;
  // Reads all of it; `no_such_key` if it is not there.
  virtual Result<RemoteContent> read(const std::string& key) = 0;
  // Inside the store, as long as `from` still is the one of that ETag.
  virtual Status copy(const std::string& from, const std::string& etag, const std::string& to) = 0;
  virtual Status remove(const std::string& key) = 0;
};

}  // namespace headrace::hub
