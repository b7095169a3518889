// The engine's way of a file costs no call of the allocator for a block: counted over files of two
// lengths, hashed and sent, from the arena and from the file. How sends and answers interleave may
// cost a frame more or less, so each length goes several times and its cheapest upload counts.
#include <algorithm>

#include "tests/engine/byte_path.h"
#include "tests/support/allocations.h"

namespace headrace {
namespace {

constexpr int rounds = 5;

Task<void> upload_each(BytePath& path, const BlockFile& few, const BlockFile& many, bool keeps,
                       std::size_t& few_cost, std::size_t& many_cost) {
  // The first fills what is kept between uploads.
  co_await path.upload(*path.loop.scope, many, keeps);
  for (int round = 0; round < rounds; ++round) {
    std::size_t before = allocations();
    co_await path.upload(*path.loop.scope, few, keeps);
    std::size_t between = allocations();
    co_await path.upload(*path.loop.scope, many, keeps);
    few_cost = std::min(few_cost, between - before);
    many_cost = std::min(many_cost, allocations() - between);
  }
}

}  // namespace

TEST_CASE("a block more costs no allocation, from the read pass to the answer") {
  BlockFile few(8);
  BlockFile many(240);
  for (bool keeps : {false, true}) {
    BytePath path;
    std::size_t few_cost = SIZE_MAX;
    std::size_t many_cost = SIZE_MAX;
    path.run(upload_each(path, few, many, keeps, few_cost, many_cost));
    CHECK(path.handler.bytes == (rounds + 1) * many.size + rounds * few.size);
    CHECK(few_cost > 0);
    CHECK(many_cost <= few_cost);
  }
}

}  // namespace headrace
