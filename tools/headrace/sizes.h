// sizes.h: numbers of bytes and seconds as people write and read them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headrace {

// A whole number with an optional unit: K, M, G, T and KiB … are powers of 1024, kB, MB, GB, TB
// powers of 1000, B or nothing is bytes. Nothing if it is no such number or does not fit.
std::optional<std::uint64_t> parse_size(std::string_view text);
// "1.5 GiB", "980 KiB", "12 B".
std::string size_text(double bytes);
// "4.2 s", "3 min 20 s", "1 h 5 min".
std::string duration_text(double seconds);
// "1 file", "3 files".
std::string count_text(std::uint64_t count, std::string_view noun);

}  // namespace headrace
