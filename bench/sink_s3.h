// sink_s3.h: what the sink says when it is taken for an object store: SinkStore.
//
// Enough for any S3 client: objects in one piece, objects in parts, lists of parts, HEAD. Content
// is dropped; kept are its size and the checksum that the client named before or behind it, which
// the store names again wherever S3 does. So a client that compares finds what it sent, and nothing
// here is computed. Everything at and below /bucket is the store's. Any thread.
// Source: the S3 API reference.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "bench/sink_hub.h"

// As "x-amz-checksum-crc64nvme" and its value; both empty: there was none.
struct SinkChecksum {
  std::string name;
  std::string value;
};
// The one that stands in the fields of a head, or in the trailer at the end of a body.
SinkChecksum checksum_in(std::string_view lines);

struct SinkStoreCall {
  std::string_view method;
  std::string_view target;
  std::uint64_t size = 0;  // of what was put, without the framing of chunks
  SinkChecksum checksum;
};

class SinkStore {
 public:
  static bool is_asked(std::string_view target);
  SinkAnswer answer(const SinkStoreCall& call);

 private:
  struct Content {
    std::uint64_t size = 0;
    SinkChecksum checksum;
  };
  using Parts = std::map<unsigned, Content>;

  SinkAnswer put(const SinkStoreCall& call);
  SinkAnswer begin(std::string_view path);
  SinkAnswer complete(const SinkStoreCall& call);
  SinkAnswer list(std::string_view target);
  SinkAnswer head(std::string_view path);

  std::mutex mutex_;
  std::uint64_t uploads_begun_ = 0;
  std::map<std::string, Parts, std::less<>> uploads_;
  std::unordered_map<std::string, Content> objects_;  // by path
};
