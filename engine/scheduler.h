// scheduler.h: what is to be done next. Pure: no I/O, no clock, no threads of its own.
//
// Files go through: classify (how does the other side want them) -> digest -> their object:
// negotiate -> send parts -> finish. Objects are contents: files of the same content share one.
// Where the other side knows files by their names alone (share_content is false), each file is an
// object of its own and goes from classify straight to negotiate; it is hashed only if the other
// side has something to compare it with. A lane asks next(its kind, now) and gets one piece of Work
// or nothing; it reports what became of it by one call. Whatever a lane took it must report. Work
// carries all that a lane reads, so that lanes touch records only in their reports; a file's path,
// source and size never change once all are added.
//
// Files are hashed the largest first: a huge one, whose digest no second core can share, begins
// early, those that run side by side in a worker's digest lanes are of like size, and at the end
// the lanes stop nearly together. How many bytes are hashed side by side is limited, since files
// that begin together also end together, and until then there is nothing to send.
//
// Objects are negotiated late: at most `objects_max` negotiated and unsent, `part_urls_max` URLs
// (foretold from the sizes of parts seen so far) and as many bytes as go out in `lead_time` at the
// measured rate, so that a slow line never holds URLs that die (lifetimes of 900 s have been seen).
// One object may always be under way.
//
// At the end, when lanes have nothing else to send, a part that is late is sent a second time
// beside the first. Late is what takes longer than the mean of parts of its size and four times
// their mean deviation, the bound of RFC 6298 for what is lost. The first of the two to be
// confirmed counts; the other one is to be ended, and reported as dropped.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <variant>
#include <vector>

#include "engine/ledger.h"
#include "engine/source.h"
#include "engine/target.h"
#include "io/arena.h"
#include "io/clock.h"
#include "io/digest/digest.h"

namespace headrace {

using FileIndex = std::uint32_t;
using ObjectIndex = std::uint32_t;
inline constexpr ObjectIndex no_object = UINT32_MAX;

// Content that stayed in the arena when it was hashed; sent from there.
struct Retained {
  Ticket ticket;
  std::vector<Slice> slices;  // in order, whole blocks but the last
};

struct FileRecord {
  enum class State : std::uint8_t {
    added,       // waits to be classified
    classified,  // waits for its digest, if it needs one
    ready,       // for the commit: inline content, or an object that is stored
    unchanged,   // the repo has it already
    ignored,     // the other side does not want it
    failed,
  };
  std::string path;  // in the repo
  std::unique_ptr<Source> source;
  std::uint64_t size = 0;
  std::optional<FileIdentity> identity;  // when it was hashed, or first looked at
  DigestValue remote;                    // what is there at this path; size 0 if nothing
  DigestValue digest;
  ObjectIndex object = no_object;
  State state = State::added;
  bool large = false;  // content goes as an object, not in the commit
};

struct PartRecord {
  std::uint16_t tries = 0;
  bool confirmed = false;
  bool hedged = false;       // it was sent a second time beside the first
  std::uint8_t running = 0;  // lanes that have it, or wait to send it again
};

struct ObjectRecord {
  enum class State : std::uint8_t { hashed, negotiating, sending, finishing, stored, failed };
  DigestValue oid;  // of an object that no other file may share: a stand-in of size 0
  std::uint64_t size = 0;
  FileIndex file = 0;  // whose source is read
  State state = State::hashed;
  std::shared_ptr<const Target> target;
  std::uint32_t generation = 0;
  KnownUpload known;  // under which the ledger has the tags of its parts
  std::vector<PartRecord> parts;
  std::uint32_t parts_left = 0;
  std::uint32_t parts_left_before = 0;  // when sending last began
  // In a row without progress: a part confirmed counts only once the next URLs have kept it. A
  // store may give each negotiation an upload of its own, and a slow line would never end.
  std::uint32_t renewals = 0;
  std::uint32_t finish_tries = 0;
  Retained retained;
};

struct ClassifyFiles {
  FileIndex first;
  std::uint32_t count;
};
struct DigestFile {
  FileIndex file;
};
struct NegotiateObjects {
  struct Object {
    ObjectIndex index;
    FileIndex file;
    DigestValue oid;  // size 0: not known by its content
    std::uint64_t size;
  };
  std::vector<Object> objects;
};
struct SendPart {
  ObjectIndex object;
  FileIndex file;
  std::optional<FileIdentity> identity;  // nothing: it may be whatever it is, of this size
  std::uint32_t part;                    // from 0
  std::uint32_t generation;
  std::uint32_t tries;  // made before this one
  std::shared_ptr<const Target> target;
  std::vector<Slice> slices;  // the part's bytes, if they are still in the arena
  std::uint64_t size = 0;     // of the file
  // Beside a send that is late by now; so long it has taken.
  std::optional<Duration> hedge_after = {};
};
struct FinishObject {
  ObjectIndex object;
  FileIndex file;
  DigestValue oid;
  std::uint64_t size;
  std::uint32_t tries;
  std::shared_ptr<const Target> target;
  std::vector<std::string> etags;
};
using Work = std::variant<ClassifyFiles, DigestFile, NegotiateObjects, SendPart, FinishObject>;

enum class Lane : std::uint8_t { control, digest, send };

struct SchedulerLimits {
  std::uint32_t classify_max = 256;   // files a call; the Hub's limit
  std::uint32_t negotiate_max = 256;  // objects a call; the Hub's limit
  std::uint32_t objects_max = 64;
  std::uint32_t part_urls_max = 2000;
  Duration lead_time = std::chrono::minutes(2);
  std::uint32_t senders = 8;  // lanes of Lane::send
  // So many files are hashed at once whatever their size, and more while they are not larger.
  std::uint32_t digests_min = 4;
  std::uint64_t digest_bytes_max = 4ULL << 30;
  std::uint32_t renewals_max = 3;
  // Files of the same content are one object, named by its digest; else each file is its own.
  bool share_content = true;
  // Whether a part that is late may go a second time; not where the second would be refused.
  bool send_twice = true;
};

// What negotiation found for one object.
struct Negotiated {
  bool refused = false;
  std::shared_ptr<const Target> target;  // null: stored already, if not refused
};

class Scheduler {
 public:
  explicit Scheduler(SchedulerLimits limits = {},
                     std::unique_ptr<Ledger> ledger = std::make_unique<MemoryLedger>())
      : limits_(limits), ledger_(std::move(ledger)) {}

  FileIndex add(FileRecord file);
  FileRecord& file(FileIndex index) { return files_[index]; }
  const std::deque<FileRecord>& files() const { return files_; }
  ObjectRecord& object(ObjectIndex index) { return objects_[index]; }
  const std::deque<ObjectRecord>& objects() const { return objects_; }

  std::optional<Work> next(Lane lane, Time now);
  // Nothing is left to do and nothing under way.
  bool finished() const { return files_open_ == 0 && works_out_ == 0; }

  // Ready, unchanged, ignored or failed.
  std::size_t files_closed() const { return files_.size() - files_open_; }

  // --- reports, one for each piece of work ---
  void classified(const ClassifyFiles& work);  // after file_classified() for each
  void file_looked_at(FileIndex index, const FileIdentity& identity) {
    files_[index].identity = identity;
  }
  void file_classified(FileIndex index, bool large, bool ignored, const DigestValue& remote);
  void digested(FileIndex index, const DigestValue& digest, const FileIdentity& identity,
                Retained retained);
  void negotiated(const NegotiateObjects& work, std::vector<Negotiated> answers);
  struct Confirmed {
    bool counts = false;     // it was not confirmed before
    bool twin_runs = false;  // the same part is still on its way elsewhere: end it
  };
  Confirmed part_confirmed(const SendPart& work, std::string etag, Time now);
  void part_waits(const SendPart& work);    // its backoff begins; part_again() follows
  void part_again(const SendPart& work);    // after its backoff
  void part_dropped(const SendPart& work);  // ended because its twin was confirmed
  void part_expired(const SendPart& work);  // the URL has run out; fails the object at the limit
  void object_stored(const FinishObject& work);
  void finish_again(const FinishObject& work);
  // The URL that finishes it has run out; what was confirmed stays if the next one names the same
  // upload.
  void finish_expired(const FinishObject& work);
  // The object must be sent anew: the other side no longer knows the upload, or refused its bytes.
  void object_anew(const FinishObject& work);

  // Instead of one of the above: `files_failed` says which files can't go on any more.
  void file_failed(FileIndex index);
  void classify_failed(const ClassifyFiles& work);
  void negotiate_failed(const NegotiateObjects& work);
  // False if that was about URLs that have been replaced meanwhile: the part goes to the new ones.
  bool send_failed(const SendPart& work);
  void finish_failed(const FinishObject& work);

  // --- how many parts are on their way at once; without a word, as many as there are lanes ---
  void permit_sends(std::uint32_t count) { send_permits_ = count; }
  std::uint32_t sends_running() const { return static_cast<std::uint32_t>(sending_.size()); }
  bool sends_wait() const { return !to_send_.empty(); }

  // True once after an object was given up because of its renewals.
  bool renewals_exhausted(ObjectIndex index) const {
    return objects_[index].renewals > limits_.renewals_max;
  }

 private:
  std::optional<Work> next_digest();
  void digest_ended(const FileRecord& file);
  std::optional<Work> next_control(Time now);
  std::optional<Work> next_negotiation(Time now);
  std::optional<Work> next_send(Time now);
  std::optional<Work> next_hedge(Time now);
  SendPart begin_send(ObjectIndex index, std::uint32_t part, bool is_hedge, Time now);
  std::optional<Duration> late_after(std::uint64_t size) const;
  void learn_time(std::uint64_t size, Duration time);
  std::uint32_t senders() const { return std::min(limits_.senders, send_permits_); }
  SendPart send_work(ObjectIndex index, std::uint32_t part) const;
  std::vector<ObjectIndex> choose_to_negotiate(Time now) const;
  std::uint64_t bytes_ahead_max(Time now) const;
  KnownFile known_file(const FileRecord& file) const;
  void file_known(FileIndex index, const DigestValue& digest, Retained retained);
  void open_object(FileIndex index, const DigestValue& oid, Retained retained);
  static bool same_as_remote(const FileRecord& file) {
    return file.remote.size > 0 && file.digest == file.remote;
  }
  void recall_parts(ObjectRecord& object);
  void close_file(FileRecord& file, FileRecord::State state);
  void close_object(ObjectIndex index, ObjectRecord::State state);
  void start_sending(ObjectIndex index, std::shared_ptr<const Target> target);
  void stop_sending(ObjectRecord& object);
  PartRecord* part_of(const SendPart& work);
  // No lane has it any more; when it had begun.
  std::optional<Time> lane_free(const SendPart& work);
  PartRecord* send_ended(const SendPart& work);
  void queue_again(const SendPart& work, const PartRecord& part);
  void renegotiate(ObjectIndex index, ObjectRecord& object);

  const SchedulerLimits limits_;
  const std::unique_ptr<Ledger> ledger_;
  std::deque<FileRecord> files_;
  std::deque<ObjectRecord> objects_;
  std::map<std::array<std::byte, digest_size_max>, ObjectIndex> by_oid_;
  std::multimap<ObjectIndex, FileIndex> waiting_;  // files whose object is under way
  FileIndex next_to_classify_ = 0;
  struct QueuedDigest {
    std::uint64_t size;
    FileIndex file;
    // The top of the heap: the largest, of equal ones the first.
    bool operator<(const QueuedDigest& other) const {
      return size != other.size ? size < other.size : file > other.file;
    }
  };
  std::priority_queue<QueuedDigest> to_digest_;
  std::uint32_t digests_out_ = 0;
  std::uint64_t digest_bytes_out_ = 0;
  std::deque<ObjectIndex> to_negotiate_;
  std::deque<ObjectIndex> to_finish_;
  struct QueuedPart {
    ObjectIndex object;
    std::uint32_t part;
    std::uint32_t generation;
  };
  std::deque<QueuedPart> to_send_;
  struct Sending {
    ObjectIndex object;
    std::uint32_t part;
    std::uint32_t generation;
    bool is_hedge;
    Time since;
  };
  std::vector<Sending> sending_;  // what a lane has
  std::uint32_t send_permits_ = UINT32_MAX;
  // What parts of 2^(i-1) bytes and more, less than twice that, have taken, both smoothed.
  struct SendTime {
    Duration mean{};  // 0: none was confirmed
    Duration deviation{};
  };
  std::array<SendTime, 65> times_{};
  std::size_t files_open_ = 0;
  std::size_t works_out_ = 0;
  std::uint32_t objects_ahead_ = 0;  // negotiating, sending
  std::uint64_t bytes_ahead_ = 0;    // of these, unconfirmed
  std::uint32_t urls_ahead_ = 0;
  std::uint64_t bytes_confirmed_ = 0;
  std::uint64_t part_size_min_ = 5ULL << 30;  // seen so far; no store takes larger ones
  std::optional<Time> first_send_;
};

}  // namespace headrace
