// target.h: where the bytes of one object go. With source.h one of the two things a new road adds.
//
// A Target is made by a road when it has negotiated an object; it is immutable and shared by all
// workers. Renewing it (URLs that have run out) is the road's: the scheduler asks for the object to
// be negotiated again, and the new Target carries the next generation. If both name the same
// upload, parts that were confirmed under the old one stay.
#pragma once

#include <cstdint>
#include <string>

#include "engine/plan.h"
#include "io/error.h"
#include "net/headers.h"

namespace headrace {

struct PartRequest {
  std::string method;
  std::string url;
  Headers headers;  // made at send time
};

class Target {
 public:
  virtual ~Target() = default;
  virtual std::uint32_t part_count() const = 0;
  // `index` counts from 0; the range's number from 1.
  virtual PartRange range(std::uint32_t index) const = 0;
  virtual Result<PartRequest> request(std::uint32_t index) const = 0;
  // An answer without an ETag confirms nothing.
  virtual bool wants_etag() const = 0;
  // What the other side calls this upload, empty if it has no name.
  virtual const std::string& upload_name() const = 0;
  // When the URLs end, in seconds since 1970; 0 if unknown.
  virtual std::int64_t expires_at() const = 0;
};

}  // namespace headrace
