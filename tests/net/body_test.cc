#include "net/body.h"

#include <algorithm>
#include <cstring>

#include <doctest/doctest.h>

#include "tests/support/loop.h"

namespace headrace {
namespace {

std::byte byte_at(std::uint64_t offset) {
  return static_cast<std::byte>(offset * 7 + (offset >> 8));
}

// A file of `size` bytes that never lay anywhere.
class PatternSource final : public RangeSource {
 public:
  explicit PatternSource(std::uint64_t size) : size_(size) {}
  int reads = 0;
  Task<Result<std::size_t>> read(Scope&, std::uint64_t offset, std::span<std::byte> into) override {
    ++reads;
    std::size_t count = 0;
    while (count < into.size() && offset + count < size_) {
      into[count] = byte_at(offset + count);
      ++count;
    }
    co_return count;
  }

 private:
  const std::uint64_t size_;
};

class CountingProducer final : public BodyProducer {
 public:
  CountingProducer(std::uint64_t said, int pieces) : said_(said), pieces_(pieces) {}
  std::uint64_t size() const override { return said_; }
  Task<Result<Piece>> next(Scope&) override {
    if (made_ == pieces_) co_return Piece();
    text_ = "piece" + std::to_string(made_++) + ";";
    co_return Piece{.bytes = std::as_bytes(std::span(text_)), .hold = Slice()};
  }
  Status rewind() override {
    made_ = 0;
    return {};
  }

 private:
  const std::uint64_t said_;
  const int pieces_;
  int made_ = 0;
  std::string text_;
};

struct Pass {
  std::string bytes;
  std::size_t pieces = 0;
  std::string error;
};

Task<void> read_body(Scope& scope, const Body& body, Pass& pass) {
  BodyReader reader(scope, body);
  Status started = reader.start();
  REQUIRE(started);
  while (true) {
    Result<Piece> piece = co_await reader.next();
    if (!piece) {
      pass.error = piece.error().code;
      break;
    }
    if (piece->bytes.empty()) break;
    ++pass.pieces;
    pass.bytes.append(reinterpret_cast<const char*>(piece->bytes.data()), piece->bytes.size());
  }
  co_await reader.stop();
}

Pass pass_over(Loop& loop, const Body& body) {
  Pass pass;
  loop.run(read_body(*loop.scope, body, pass));
  return pass;
}

Slice slice_of(Ticket& ticket, std::string_view text) {
  Slice block = ticket.try_take();
  REQUIRE(block);
  std::memcpy(block.writable().data(), text.data(), text.size());
  return block.sub(0, text.size());
}

}  // namespace

TEST_CASE("segments of every kind, in order, any number of times") {
  Loop loop;
  Arena arena(8 * block_size_bytes);
  {
    Ticket ticket = arena.try_reserve(4);
    PatternSource source(1'000'000);
    CountingProducer producer(14, 2);
    Body body;
    body.add("head;").add(slice_of(ticket, "slice;"));
    body.add(Body::Range{.source = &source, .offset = 5, .size = 600'000, .ticket = &ticket});
    body.add(producer).add("").add("tail");
    CHECK(body.size() == 5 + 6 + 600'000 + 14 + 4);
    std::string range(600'000, '\0');
    for (std::size_t i = 0; i < range.size(); ++i) range[i] = static_cast<char>(byte_at(5 + i));
    for (int round = 0; round < 2; ++round) {
      Pass pass = pass_over(loop, body);
      CHECK(pass.error == "");
      CHECK(pass.bytes == "head;slice;" + range + "piece0;piece1;" + "tail");
    }
  }
  CHECK(arena.blocks_reserved() == 0);
}

TEST_CASE("the next block is read while the one before is in hand") {
  Loop loop;
  Arena arena(4 * block_size_bytes);
  Ticket ticket = arena.try_reserve(2);
  PatternSource source(4 * block_size_bytes);
  Body body;
  body.add(
      Body::Range{.source = &source, .offset = 0, .size = 4 * block_size_bytes, .ticket = &ticket});
  auto hold_one = [](Scope& scope, const Body& the_body, PatternSource& the_source) -> Task<void> {
    BodyReader reader(scope, the_body);
    CHECK(reader.start());
    Result<Piece> piece = co_await reader.next();
    CHECK(piece);
    co_await scope.worker().sleep(scope, 1ms);
    CHECK(the_source.reads == 2);
    co_await reader.stop();
  };
  loop.run(hold_one(*loop.scope, body, source));
}

TEST_CASE("a ticket of one block gets through") {
  Loop loop;
  Arena arena(block_size_bytes);
  Ticket ticket = arena.try_reserve(1);
  PatternSource source(2'000'000);
  Body body;
  body.add(Body::Range{.source = &source, .offset = 0, .size = 2'000'000, .ticket = &ticket});
  Pass pass = pass_over(loop, body);
  CHECK(pass.bytes.size() == 2'000'000);
  CHECK(pass.pieces == 8);
}

TEST_CASE("large owned bytes leave in pieces of a block") {
  Loop loop;
  Body body(std::string(600'000, 'x'));
  Pass pass = pass_over(loop, body);
  CHECK(pass.bytes.size() == 600'000);
  CHECK(pass.pieces == 3);
  CHECK(pass_over(loop, Body()).pieces == 0);
}

TEST_CASE("a body that gives another length than it said is an error") {
  Loop loop;
  Arena arena(4 * block_size_bytes);
  Ticket ticket = arena.try_reserve(2);
  PatternSource source(400'000);
  Body range;
  range.add(Body::Range{.source = &source, .offset = 0, .size = 500'000, .ticket = &ticket});
  CHECK(pass_over(loop, range).error == "body_length");
  CountingProducer more(10, 2);
  Body too_much;
  too_much.add(more);
  CHECK(pass_over(loop, too_much).error == "body_length");
  CountingProducer less(20, 2);
  Body too_little;
  too_little.add(less);
  CHECK(pass_over(loop, too_little).error == "body_length");
}

TEST_CASE("a pass that stops early leaves nothing behind") {
  Loop loop;
  Arena arena(4 * block_size_bytes);
  {
    Ticket ticket = arena.try_reserve(2);
    PatternSource source(4'000'000);
    Body body;
    body.add(Body::Range{.source = &source, .offset = 0, .size = 4'000'000, .ticket = &ticket});
    auto stop_early = [](Scope& scope, const Body& the_body) -> Task<void> {
      BodyReader reader(scope, the_body);
      CHECK(reader.start());
      Result<Piece> piece = co_await reader.next();
      CHECK(piece);
      co_await reader.stop();
    };
    loop.run(stop_early(*loop.scope, body));
  }
  CHECK(arena.blocks_reserved() == 0);
}

}  // namespace headrace
