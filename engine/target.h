// target.h: where the bytes of one object go. With source.h and road.h what a new road adds.
//
// A Target is made by a road when it has negotiated an object (a batch answer, a multipart upload
// begun); it is immutable and shared by all workers. It knows how its parts are asked for, what the
// answer to one means, how the object is finished, and what an error of that leads to. Renewing it
// (URLs that have run out) is the road's: the scheduler asks for the object to be negotiated again,
// and the new Target carries the next generation. If both name the same upload, parts that were
// confirmed under the old one stay.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "engine/plan.h"
#include "io/digest/digest.h"
#include "net/http_client.h"

namespace headrace {

struct PartRequest {
  std::string method;
  std::string url;
  Headers headers;  // made at send time
};

// The bytes of one part. What it points to outlives whatever is made of it.
struct PartContent {
  std::span<const Slice> slices;  // if they are in the arena
  Body::Range range;              // else
};

void add_content(Body& body, const PartContent& content);

class Target;

// One part, packed to be sent once. This one is the bytes as they are; a target that computes
// something of them on their way, or puts something around them, packs its own.
class Parcel {
 public:
  Parcel(const Target& target, PartRequest what) : request(std::move(what)), target_(target) {}
  virtual ~Parcel() = default;
  // As Target::judge_part, for what was sent by this parcel.
  virtual Result<std::string> judge(const HttpAnswer& answer, Error as_it_stands,
                                    std::int64_t now) const;

  PartRequest request;
  Body body;

 private:
  const Target& target_;
};

// What finishing an object takes; lent for the call.
struct FinishCall {
  HttpClient& client;
  const DigestValue& oid;
  std::uint64_t size;
  std::span<const std::string> tags;    // of all parts, in order
  std::atomic<std::uint64_t>& retries;  // counts what was sent again
};

// What comes after an error of finish().
enum class AfterFinish : std::uint8_t {
  again,  // after a wait; the same call may work
  renew,  // the right to finish ran out: negotiate, what was confirmed may stay
  anew,   // the upload is gone, or its bytes were refused: negotiate, and send all of it
  fail,
};

class Target {
 public:
  virtual ~Target() = default;
  virtual std::uint32_t part_count() const = 0;
  // `index` counts from 0; the range's number from 1.
  virtual PartRange range(std::uint32_t index) const = 0;
  virtual Result<PartRequest> request(std::uint32_t index) const = 0;
  // `now` in seconds since 1970.
  virtual Result<std::unique_ptr<Parcel>> pack(std::uint32_t index, const PartContent& content,
                                               std::int64_t now) const;
  // Parts up to this size are read whole before they are packed, into memory of the budget: for a
  // store that wants something of all bytes ahead of them.
  virtual std::uint64_t read_first_max() const { return 0; }
  // What the answer to a part means: its tag (empty where there are none), or why it is not
  // confirmed. `as_it_stands` is the error that the answer makes by its status alone; `now` in
  // seconds since 1970.
  virtual Result<std::string> judge_part(const HttpAnswer& answer, Error as_it_stands,
                                         std::int64_t now) const = 0;
  // When all parts are confirmed: makes the object of them, and asks whether it is there.
  virtual Task<Status> finish(Scope& scope, const FinishCall& call) const = 0;
  virtual AfterFinish judge_finish(const Error& error) const = 0;
  // What the other side calls this upload, empty if it has no name.
  virtual const std::string& upload_name() const = 0;
};

}  // namespace headrace
