#include "net/body.h"

#include <algorithm>

#include <fmt/format.h>

#include "io/planted.h"

namespace headrace {
namespace {

// Owned bytes leave in pieces of a block as well, so that progress is seen on slow lines.
constexpr std::size_t piece_size_max = block_size_bytes;

std::uint64_t size_of(const std::variant<std::string, Slice, Body::Range, BodyProducer*>& segment) {
  if (auto* bytes = std::get_if<std::string>(&segment)) return bytes->size();
  if (auto* slice = std::get_if<Slice>(&segment)) return slice->size();
  if (auto* range = std::get_if<Body::Range>(&segment)) return range->size;
  return std::get<BodyProducer*>(segment)->size();
}

std::unexpected<Error> wrong_length(std::uint64_t said, std::uint64_t got) {
  return fail(make_error(ErrorClass::fail, "body_length",
                         fmt::format("a body of {} bytes gave {}", said, got)));
}

}  // namespace

Body& Body::add(std::string bytes) {
  if (bytes.empty()) return *this;
  size_ += bytes.size();
  segments_.emplace_back(std::move(bytes));
  return *this;
}

Body& Body::add(Slice slice) {
  if (!slice || slice.size() == 0) return *this;
  size_ += slice.size();
  segments_.emplace_back(std::move(slice));
  return *this;
}

Body& Body::add(const Range& range) {
  CHECK(range.source && range.ticket);
  if (range.size == 0) return *this;
  size_ += range.size;
  segments_.emplace_back(range);
  return *this;
}

Body& Body::add(BodyProducer& producer) {
  size_ += producer.size();
  segments_.emplace_back(&producer);
  return *this;
}

std::string_view Body::text() const {
  const auto* bytes = segments_.size() == 1 ? std::get_if<std::string>(&segments_[0]) : nullptr;
  return bytes ? std::string_view(*bytes) : std::string_view();
}

Status BodyReader::start() {
  for (const Body::Segment& segment : body_.segments_) {
    if (auto* producer = std::get_if<BodyProducer*>(&segment)) {
      Status rewound = (*producer)->rewind();
      if (!rewound) return rewound;
    }
  }
  return {};
}

Task<void> BodyReader::stop() {
  reading_.cancel();
  if (planted(Planted::orphan_child)) co_return;
  co_await reading_.join();
  ahead_ = Slice();
}

Task<Result<Piece>> BodyReader::next() {
  while (segment_ < body_.segments_.size()) {
    const Body::Segment& segment = body_.segments_[segment_];
    if (done_ == size_of(segment)) {
      ++segment_;
      done_ = asked_ = 0;
      continue;
    }
    if (auto* bytes = std::get_if<std::string>(&segment)) {
      co_return owned_piece(std::as_bytes(std::span(*bytes)));
    }
    if (auto* slice = std::get_if<Slice>(&segment)) {
      done_ = slice->size();
      co_return Piece{.bytes = slice->bytes(), .hold = *slice};
    }
    if (auto* range = std::get_if<Body::Range>(&segment)) {
      Result<Piece> piece = co_await range_piece(*range);
      co_return piece;
    }
    Result<Piece> piece = co_await produced_piece(*std::get<BodyProducer*>(segment));
    co_return piece;
  }
  co_return Piece();
}

Piece BodyReader::owned_piece(std::span<const std::byte> bytes) {
  std::size_t size = std::min<std::size_t>(piece_size_max, bytes.size() - done_);
  Piece piece{.bytes = bytes.subspan(done_, size), .hold = Slice()};
  done_ += size;
  return piece;
}

Task<Result<Piece>> BodyReader::range_piece(const Body::Range& range) {
  if (asked_ == done_) read_ahead(range);
  co_await reading_.join();
  if (!ahead_status_) co_return std::unexpected(std::move(ahead_status_.error()));
  Piece piece{.bytes = ahead_.bytes(), .hold = ahead_};
  ahead_ = Slice();
  done_ += piece.bytes.size();
  if (asked_ < range.size) read_ahead(range);
  co_return piece;
}

void BodyReader::read_ahead(const Body::Range& range) {
  std::size_t size = std::min<std::uint64_t>(block_size_bytes, range.size - asked_);
  reading_.spawn(read_block(range, range.offset + asked_, size));
  asked_ += size;
}

Task<void> BodyReader::read_block(const Body::Range& range, std::uint64_t offset,
                                  std::size_t size) {
  Slice block = co_await range.ticket->take(reading_);
  if (!block) {
    ahead_status_ = fail(make_error(ErrorClass::cancelled, "cancelled", "cancelled while reading"));
    co_return;
  }
  Result<std::size_t> got =
      co_await range.source->read(reading_, offset, block.writable().first(size));
  if (!got) {
    ahead_status_ = std::unexpected(std::move(got.error()));
  } else if (*got != size) {
    ahead_status_ = wrong_length(range.size, offset - range.offset + *got);
  } else {
    ahead_ = block.sub(0, size);
  }
}

Task<Result<Piece>> BodyReader::produced_piece(BodyProducer& producer) {
  Result<Piece> piece = co_await producer.next(reading_);
  if (!piece) co_return piece;
  // Neither fewer bytes than the length we told the other side, nor more.
  std::uint64_t total = done_ + piece->bytes.size();
  if (piece->bytes.empty() || total > producer.size()) {
    co_return wrong_length(producer.size(), total);
  }
  done_ = total;
  co_return piece;
}

}  // namespace headrace
