#include "io/arena.h"

#include <doctest/doctest.h>

#include "tests/support/loop.h"

namespace headrace {
namespace {

Task<void> reserve_all(Scope& scope, Arena& arena, std::size_t blocks, std::string& order,
                       char name) {
  Ticket ticket = co_await arena.reserve(scope, blocks);
  order += ticket ? name : '-';
  bool slept = co_await scope.worker().sleep(scope, 1ms);
  CHECK(slept == !scope.cancelled());
}

Task<void> queue_up(Scope& scope, Arena& arena, std::string& order) {
  Scope children(scope);
  children.spawn(reserve_all(children, arena, 3, order, 'a'));
  children.spawn(reserve_all(children, arena, 4, order, 'b'));
  children.spawn(reserve_all(children, arena, 1, order, 'c'));  // must not overtake b
  co_await children.join();
  Ticket all = arena.try_reserve(4);
  REQUIRE(all);
  CHECK_FALSE(arena.try_reserve(1));
  Scope cancelled(scope);
  cancelled.spawn(reserve_all(cancelled, arena, 1, order, 'x'));
  bool slept = co_await scope.worker().sleep(scope, 1ms);
  CHECK(slept);
  cancelled.cancel();
  co_await cancelled.join();
}

Task<void> give_back_later(Scope& scope, Slice& slice) {
  bool slept = co_await scope.worker().sleep(scope, 1ms);
  CHECK(slept);
  slice = Slice();
}

Task<void> take_again(Scope& scope, Arena& arena) {
  Ticket ticket = co_await arena.reserve(scope, 1);
  Slice slice = co_await ticket.take(scope);
  REQUIRE(slice);
  CHECK_FALSE(ticket.try_take());
  Scope children(scope);
  children.spawn(give_back_later(children, slice));
  Slice again = co_await ticket.take(scope);
  CHECK(again);
  co_await children.join();
  Slice outlives = std::move(again);
  ticket = Ticket();
  CHECK(arena.blocks_reserved() == 1);
  outlives = Slice();
  CHECK(arena.blocks_reserved() == 0);
}

}  // namespace

TEST_CASE("tickets are granted in the order of asking, within the budget") {
  Loop loop;
  Arena arena(4 * block_size_bytes);
  std::string order;
  loop.run(queue_up(*loop.scope, arena, order));
  CHECK(order == "abc-");
  CHECK(arena.blocks_reserved() == 0);
  CHECK(arena.blocks_reserved_peak() == 4);
}

TEST_CASE("a block goes back to its ticket, or to the arena once that is gone") {
  Loop loop;
  Arena arena(2 * block_size_bytes);
  loop.run(take_again(*loop.scope, arena));
}

TEST_CASE("the last slice gives the block back") {
  Arena arena(block_size_bytes);
  Ticket ticket = arena.try_reserve(1);
  Slice whole = ticket.try_take();
  Slice part = whole.sub(10, 20);
  whole = Slice();
  CHECK(part.size() == 20);
  CHECK_FALSE(ticket.try_take());
  part = Slice();
  CHECK(ticket.try_take());
}

}  // namespace headrace
