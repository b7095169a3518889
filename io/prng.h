// prng.h: seeded randomness (SplitMix64, Steele et al. 2014). One per worker; the same seed gives
// the same run. Not for secrets.
#pragma once

#include <cstdint>

namespace headrace {

class Prng {
 public:
  explicit Prng(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // 0 <= result < bound; bound > 0. The bias of the remainder is below 2^-32 for bounds we use.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  // 0 <= result < 1.
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  bool chance(double probability) { return unit() < probability; }

 private:
  std::uint64_t state_;
};

}  // namespace headrace
