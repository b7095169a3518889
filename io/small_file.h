// small_file.h: a small file written whole: a reader sees the old text or the new one.
//
// Folders on the way are made, for their owner alone. Blocks the calling thread.
// Fails with: write_failed.
#pragma once

#include <string>
#include <string_view>

#include "io/error.h"

namespace headrace {

Status write_small_file(const std::string& path, std::string_view text);

}  // namespace headrace
