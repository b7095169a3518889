// random_bytes.h: bytes for tests, the same for the same seed.
#pragma once

#include <string>

#include "io/prng.h"

namespace headrace {

inline std::string random_bytes(std::uint64_t seed, std::size_t size) {
  Prng prng(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(prng.next());
  return bytes;
}

}  // namespace headrace
