// allocations.h: how often this program has asked the allocator for memory, all threads together.
// allocations.cc takes the place of operator new, so it is linked where no sanitizer does.
#pragma once

#include <cstddef>

namespace headrace {

std::size_t allocations();

}  // namespace headrace
