// event.h: what a running upload tells, as values, in order.
//
// The queue that carries them is bounded (job.h); Progress is not queued but made when it is asked
// for. None holds a token or a URL with its query.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "engine/result.h"
#include "io/error.h"

namespace headrace {

// All local files are known.
struct ScanFinished {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t files_filtered = 0;  // left out by patterns
};

struct FileHashed {
  std::string path;  // in the repo
  std::uint64_t size = 0;
};

struct Progress {
  std::uint64_t files_done = 0;
  std::uint64_t files_total = 0;
  std::uint64_t bytes_hashed = 0;
  std::uint64_t bytes_sent = 0;     // of content, and arrived; a part sent again counts once
  std::uint64_t bytes_to_send = 0;  // what is known so far to need sending
  std::uint64_t bytes_total = 0;    // of all files
};

struct PartRetried {
  std::string path;
  std::uint32_t part = 0;  // 0: the file in one PUT
  std::uint32_t attempt = 0;
  Error error;
};

// A part takes much longer than others of its size, and is sent a second time beside the first; the
// one that is confirmed first counts.
struct PartLate {
  std::string path;
  std::uint32_t part = 0;  // 0: the file in one PUT
  std::string host;
  std::string address;      // of the host or its proxy; empty: no connection yet
  double seconds = 0;       // so far
  std::uint64_t bytes = 0;  // given to its connection so far
};

// How many parts are on their way at once has been changed, and why.
struct ConnectionsChanged {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  double bytes_per_second = 0;  // with `from`; 0: not measured
  std::string reason;
};

enum class SkipReason : std::uint8_t { unchanged, ignored_by_server, failed, not_a_file };
struct FileSkipped {
  std::string path;
  SkipReason reason = SkipReason::unchanged;
  std::string detail;
};

struct CommitLanded {
  LandedCommit commit;
  std::size_t number = 0;  // from 1
  std::size_t count = 0;
};

enum class NoteLevel : std::uint8_t { debug, info, warning };
struct Note {
  NoteLevel level = NoteLevel::info;
  std::string text;
};

// Of a dry run: what an upload would do if nothing were there yet. It asks nobody, so what
// --delete would remove is not known.
struct Planned {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t parts = 0;
  std::uint64_t requests = 0;
  std::uint64_t commits = 0;
  bool makes_commits = true;  // false: where it goes there are none
};

using Event = std::variant<ScanFinished, FileHashed, Progress, PartRetried, PartLate,
                           ConnectionsChanged, FileSkipped, CommitLanded, Note, Planned>;

}  // namespace headrace
