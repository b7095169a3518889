// fuzz.h: what the fuzz targets share: bytes taken from the front of an input, and MUST.
//
// A target defines LLVMFuzzerTestOneInput. libFuzzer calls it, or replay.cc with the kept corpus.
// MUST ends the process where something does not hold, so that both notice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#define MUST(condition)                                                                   \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace headrace {

inline std::string_view text_of_input(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The first byte, taken off; 0 where nothing is left.
inline unsigned take_byte(std::string_view& input) {
  if (input.empty()) return 0;
  unsigned byte = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  return byte;
}

// Up to the next byte `end`, which is taken off too.
inline std::string_view take_until(std::string_view& input, char end) {
  std::string_view part = input.substr(0, input.find(end));
  input.remove_prefix(part.size() < input.size() ? part.size() + 1 : part.size());
  return part;
}

}  // namespace headrace
