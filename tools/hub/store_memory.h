// store_memory.h: the store of the simulation: everything in maps, nothing on disk.
// Deterministic: the same calls leave the same state and the same ids. Contract: store.h.
#pragma once

#include <memory>

#include "tools/hub/store.h"

namespace headrace::hub {

std::unique_ptr<Store> make_memory_store();

}  // namespace headrace::hub
