// The engine's way of a file costs no call of the allocator for a block: counted over files of two
// lengths, hashed and sent, from the arena and from the file.
#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/engine/byte_path.h"

namespace {
std::atomic<std::size_t> allocations = 0;  // of all threads of this program
}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace headrace {
namespace {

Task<void> upload_each(BytePath& path, std::vector<const BlockFile*> files, bool keeps,
                       std::vector<std::size_t>& costs) {
  for (const BlockFile* file : files) {
    std::size_t before = allocations;
    co_await path.upload(*path.loop.scope, *file, keeps);
    costs.push_back(allocations - before);
  }
}

}  // namespace

TEST_CASE("a block more costs no allocation, from the read pass to the answer") {
  BlockFile few(8);
  BlockFile many(240);
  for (bool keeps : {false, true}) {
    BytePath path;
    std::vector<std::size_t> costs;
    // The first fills what is kept between uploads.
    path.run(upload_each(path, {&many, &few, &many}, keeps, costs));
    REQUIRE(costs.size() == 3);
    CHECK(path.handler.bytes == 2 * many.size + few.size);
    CHECK(costs[1] > 0);
    // How sends and answers interleave may need a frame more at once; a block must not.
    CHECK(costs[2] < costs[1] + 8);
  }
}

}  // namespace headrace
