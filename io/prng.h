// prng.h: seeded randomness, the same on every machine for the same seed.
//
// xoshiro256** fed by splitmix64 (both by Blackman and Vigna, public domain): jitter, shuffles and
// the simulation need speed and replay, not secrecy. Never for keys or tokens. One thread each.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "io/check.h"

namespace headrace {

class Prng {
 public:
  explicit Prng(std::uint64_t seed) {
    // Splitmix spreads a small seed over all 256 bits; a state of zeros would stay zero.
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      std::uint64_t mixed = seed;
      mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
      word = mixed ^ (mixed >> 31);
    }
  }

  std::uint64_t next() {
    std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Evenly in [0, bound). Draws that would favour the small values are thrown away.
  std::uint64_t below(std::uint64_t bound) {
    HEADRACE_CHECK(bound > 0);
    std::uint64_t unfair = (0 - bound) % bound;
    for (;;) {
      std::uint64_t drawn = next();
      if (drawn >= unfair) return drawn % bound;
    }
  }

  // Evenly in [first, last], both included.
  std::uint64_t between(std::uint64_t first, std::uint64_t last) {
    HEADRACE_CHECK(first <= last);
    std::uint64_t width = last - first + 1;
    return width == 0 ? next() : first + below(width);
  }

  // Evenly in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  bool chance(double probability) { return unit() < probability; }

  // A generator whose draws do not disturb this one's: each part of a simulation gets its own.
  Prng fork() { return Prng(next()); }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace headrace
