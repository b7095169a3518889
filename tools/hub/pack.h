// pack.h: git objects as one pack (gitformat-pack, version 2), without deltas.
// Pure; the whole pack is held in memory, so callers bound what goes in.
#pragma once

#include <span>
#include <string>

#include "tools/hub/git_object.h"

namespace headrace::hub {

std::string make_pack(std::span<const GitObject> objects);

}  // namespace headrace::hub
