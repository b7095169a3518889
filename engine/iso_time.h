// iso_time.h: times as ISO 8601 has them, read as seconds since 1970.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace headrace {

// 2026-01-31T12:00:00Z, also with a fraction (cut off), with a blank for the T, and with another
// offset; without one it is UTC. Nothing if it is no such time.
std::optional<std::int64_t> parse_iso_time(std::string_view text);

}  // namespace headrace
