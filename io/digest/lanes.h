// lanes.h: DigestLanes, where the digests of one worker meet, so that they run side by side.
//
// A coroutine awaits update(); those that wait at the same time go through run_lanes together and
// then go on in the order in which they came. The first to come gives the worker a few turns, or
// fewer if all who are expected have come, and then does the work for all. So a stream that is
// alone waits for nothing, one that is not waits for nothing but what the worker would have done
// anyway, and how many meet depends on the worker's events only, never on time or CPU: a simulation
// repeats it.
//
// Thread: the worker's. The bytes and digests stay where they are until update() resumes; it is not
// cut short by a cancelled scope, since it is over within those turns. Allocates nothing once it
// has seen its largest meeting.
#pragma once

#include <vector>

#include "io/digest/block_digest.h"
#include "io/worker.h"

namespace headrace {

class DigestLanes {
 public:
  explicit DigestLanes(Worker& worker) : worker_(worker) {}
  DigestLanes(const DigestLanes&) = delete;

  // Who holds one is expected, for as long as its stream lasts.
  class Member {
   public:
    explicit Member(DigestLanes& lanes) : lanes_(lanes) { ++lanes_.members_; }
    ~Member() { --lanes_.members_; }
    Member(const Member&) = delete;
    Task<void> update(BlockDigest& digest, std::span<const std::byte> bytes) {
      return lanes_.update(digest, bytes);
    }

   private:
    DigestLanes& lanes_;
  };

  // Those who met last go on in the next turn and have read on from the page cache in the one
  // after; who came meanwhile and waited for less would never meet them again.
  static constexpr int turns_waited = 3;

  Task<void> update(BlockDigest& digest, std::span<const std::byte> bytes);
  // Several digests over the same bytes: a file's and its part's. They must be different ones.
  Task<void> update(std::span<BlockDigest* const> digests, std::span<const std::byte> bytes);

  // What met so far: how often work was done, and how many streams had a share in it.
  std::uint64_t meetings() const { return meetings_; }
  std::uint64_t streams() const { return streams_; }

 private:
  struct Turn;
  struct Meeting;
  void add(BlockDigest& digest, std::span<const std::byte> bytes);
  Task<void> meet();
  bool all_came() const { return waiting_.size() + 1 >= members_; }
  void work();

  Worker& worker_;
  struct Entry {
    const KernelSet* kernels;
    LaneInput input;
  };
  std::vector<Entry> entries_;
  std::vector<LaneInput> inputs_;                 // of one algorithm, while work() runs
  std::vector<std::coroutine_handle<>> waiting_;  // all but the first
  bool met_ = false;                              // the first is there
  std::size_t members_ = 0;
  std::uint64_t meetings_ = 0;
  std::uint64_t streams_ = 0;
};

}  // namespace headrace
