// road.h: Road, what differs between the places that a Transfer brings files to.
//
// A road says how the other side wants each file (classify), where the bytes of each object go
// (negotiate: a Target), by which digest content is known, and within which limits the scheduler
// plans. All else (reading, hashing, sending, trying again, memory, progress) is the transfer's.
//
// One for a transfer, shared by all its workers and outliving it: its calls keep nothing but what
// guards itself. An error of a whole call ends the transfer, one of a file or an object is that
// one's alone; both carry their stage.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/reporter.h"
#include "engine/scheduler.h"
#include "net/http_client.h"

namespace headrace {

// Lent for one call.
struct RoadCall {
  HttpClient& client;  // of the worker that calls
  const std::deque<FileRecord>& files;
  Reporter& reporter;
};

struct FileSample {
  FileIndex file = 0;
  std::string bytes;                     // as many from its beginning as the road asked for
  std::optional<FileIdentity> identity;  // nothing: it was not opened
};

struct Classified {
  bool large = false;    // its content goes as an object
  bool ignored = false;  // the other side does not want it
  DigestValue remote{};  // what the other side has at its path; size 0: nothing to compare
};

// Where an object goes; null: it is there already.
using Negotiation = Result<std::shared_ptr<const Target>>;

class Road {
 public:
  virtual ~Road() = default;

  // What depends on the machine is filled in by the transfer.
  virtual SchedulerLimits limits() const = 0;
  // Whether any file may have to be hashed; else no lanes are made for it.
  virtual bool digests() const = 0;
  // Whether content may go over TLS, so that each lane pays for a session's memory.
  virtual bool over_tls() const { return true; }
  // How much of a file's beginning classify() is to see; 0: none, but the file is looked at, so
  // that whoever reads it later knows it again; nothing: it is not even opened.
  virtual std::optional<std::size_t> sample_size(const FileRecord& file) const = 0;
  // In the order of `samples`.
  virtual Task<Result<std::vector<Result<Classified>>>> classify(
      Scope& scope, const RoadCall& call, std::span<const FileSample> samples) const = 0;
  // What this file's content is known by.
  virtual std::unique_ptr<Digest> digest(const FileRecord& file) const = 0;
  // In the order of `objects`.
  virtual Task<Result<std::vector<Negotiation>>> negotiate(
      Scope& scope, const RoadCall& call,
      std::span<const NegotiateObjects::Object> objects) const = 0;
};

}  // namespace headrace
