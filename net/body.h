// body.h: Body, what a request carries, as a list of segments with a known length; BodyReader, one
// pass over it.
//
// Segments are owned bytes, slices, ranges of a source (read block by block into blocks of a
// ticket, the next block while the one before is being sent) and producers. A Body keeps what it
// owns until it dies, so it can be sent again; sources, tickets and producers are borrowed and
// outlive it. Nothing is copied: pieces point at where the bytes are.
// A ticket of two blocks lets reading overlap sending; one is enough to get through.
// Fails with: whatever a source or producer fails with; body_length (fail) when one gives another
// number of bytes than it said; body_not_rewindable.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "io/arena.h"
#include "io/error.h"
#include "io/scope.h"

namespace headrace {

// Bytes to be sent next. They lie in `hold`'s block, or stay valid until the next piece is asked.
struct Piece {
  std::span<const std::byte> bytes;
  Slice hold;
};

// Bytes that can be read at any offset, any number of times.
class RangeSource {
 public:
  virtual ~RangeSource() = default;
  // Fills `into` from `offset` on; fewer bytes only where the source ends.
  virtual Task<Result<std::size_t>> read(Scope& scope, std::uint64_t offset,
                                         std::span<std::byte> into) = 0;
};

// Bytes made while they are sent.
class BodyProducer {
 public:
  virtual ~BodyProducer() = default;
  virtual std::uint64_t size() const = 0;
  // The next bytes, none at the end.
  virtual Task<Result<Piece>> next(Scope& scope) = 0;
  // From the beginning again. Called before the first next() too.
  virtual Status rewind() = 0;
};

class Body {
 public:
  struct Range {
    RangeSource* source = nullptr;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    Ticket* ticket = nullptr;
  };

  Body() = default;
  explicit Body(std::string bytes) { add(std::move(bytes)); }
  Body(Body&&) = default;
  Body& operator=(Body&&) = default;

  // Room for so many segments, for who knows it.
  void reserve(std::size_t segments) { segments_.reserve(segments); }
  Body& add(std::string bytes);
  Body& add(Slice slice);
  Body& add(const Range& range);
  Body& add(BodyProducer& producer);

  std::uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // All of it, where it is one text that lies here; else nothing.
  std::string_view text() const;

 private:
  friend class BodyReader;
  using Segment = std::variant<std::string, Slice, Range, BodyProducer*>;
  std::vector<Segment> segments_;
  std::uint64_t size_ = 0;
};

// One pass; make another one to send the body again. stop() is awaited before it dies.
class BodyReader {
 public:
  BodyReader(Scope& scope, const Body& body) : body_(body), reading_(scope) {}
  // Rewinds what has to be.
  Status start();
  // An empty piece after the last byte. Let go of the piece before when asking for the next one.
  Task<Result<Piece>> next();
  Task<void> stop();

 private:
  Piece owned_piece(std::span<const std::byte> bytes);
  Task<Result<Piece>> range_piece(const Body::Range& range);
  Task<Result<Piece>> produced_piece(BodyProducer& producer);
  void read_ahead(const Body::Range& range);
  Task<void> read_block(const Body::Range& range, std::uint64_t offset, std::size_t size);

  const Body& body_;
  Scope reading_;  // holds the one read under way
  std::size_t segment_ = 0;
  std::uint64_t done_ = 0;   // bytes of this segment handed out
  std::uint64_t asked_ = 0;  // bytes of this range asked for
  Slice ahead_;              // the block being read
  Status ahead_status_;
};

}  // namespace headrace
