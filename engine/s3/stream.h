// stream.h: S3Stream, standard input as one object of a size that nobody knows before it ends.
//
// Input fills a part in the arena, which then goes while the next one is filled; as many are on
// their way as the memory budget holds. What ends within the first part is one PutObject, else it
// is a multipart upload of equal parts, 10,000 at most. Bytes that came once can't come again: a
// part that fails for good, or an upload that the store lost, fails the copy. run() once, on a
// worker of the crew; the parts are sent by that worker.
// Fails with: read_failed, object_too_large, what S3Target fails with.
#pragma once

#include "engine/crew.h"
#include "engine/reporter.h"
#include "engine/s3/road.h"

namespace headrace {

// Bytes that come once and in order.
class ByteInput {
 public:
  explicit ByteInput(int file) : file_(file) {}
  // Fills `into`, unless the input ends before.
  Task<Result<std::size_t>> read(Scope& scope, std::span<std::byte> into);

 private:
  const int file_;
};

class S3Stream {
 public:
  // `part_size` 0: 16 MiB, or less where memory is short.
  S3Stream(Crew& crew, std::shared_ptr<S3Access> access, const S3Object& like,
           std::uint64_t part_size, Reporter& reporter);
  Task<Status> run(Scope& scope, ByteInput& input);

  std::uint64_t size() const { return size_; }
  // The upload, if one was begun and is not complete.
  std::shared_ptr<const S3Object> unfinished() const;

 private:
  struct Filled {
    Ticket ticket;
    std::vector<Slice> slices;
    std::uint64_t size = 0;
    bool ended = false;
  };
  Task<Result<Filled>> fill(Scope& scope, ByteInput& input);
  Task<Status> begin(Scope& scope);
  Task<Status> send_all(Scope& scope, ByteInput& input, Filled first);
  Task<void> send_part(Scope& scope, std::uint32_t index, Filled part);
  Task<Result<std::string>> send_until_done(Scope& scope, SendPart& work);
  Task<Status> finish(Scope& scope);
  std::shared_ptr<S3Object> object_of(std::uint64_t size, bool in_parts) const;

  Crew& crew_;
  const std::shared_ptr<S3Access> access_;
  const S3Object& like_;
  const std::uint64_t part_size_;
  Reporter& reporter_;
  std::shared_ptr<S3Object> object_;
  std::vector<std::string> tags_;
  std::uint64_t size_ = 0;
  bool complete_ = false;
  std::optional<Error> first_error_;
};

}  // namespace headrace
