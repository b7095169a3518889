// crc_fold.h: CRCs as arithmetic on polynomials, and their reduction by carry-less multiplication.
//
// Both CRCs here are reflected: the first bit of a byte is its lowest, and a value of width w holds
// the coefficient of x^0 in its bit w - 1. All values are kept in 64 bits.
//
// Source: Intel, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Gopal
// and others, 2009). The constants are made by the compiler from the polynomial; the last 16 bytes
// go through the tables instead of the paper's Barrett reduction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace headrace {

struct CrcPolynomial {
  std::uint64_t reflected;
  unsigned width;
};

// value * x modulo the polynomial.
constexpr std::uint64_t crc_times_x(CrcPolynomial p, std::uint64_t value) {
  return (value >> 1) ^ ((value & 1) != 0 ? p.reflected : 0);
}

constexpr std::uint64_t crc_one(CrcPolynomial p) { return std::uint64_t{1} << (p.width - 1); }

// x^exponent modulo the polynomial, for small exponents.
constexpr std::uint64_t crc_power_of_x(CrcPolynomial p, unsigned exponent) {
  std::uint64_t value = crc_one(p);
  for (unsigned i = 0; i < exponent; ++i) value = crc_times_x(p, value);
  return value;
}

constexpr std::uint64_t crc_multiply(CrcPolynomial p, std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  for (std::uint64_t bit = crc_one(p); bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = crc_times_x(p, b);
  }
  return product;
}

// What moves a 128-bit remainder forward over `bits` bits of data: its first 64 bits times `first`
// plus its last 64 bits times `last`. The product of two reflected words is shifted by one bit,
// hence one power less.
struct CrcFoldPair {
  std::uint64_t first;
  std::uint64_t last;
};
constexpr CrcFoldPair crc_fold_pair(CrcPolynomial p, unsigned bits) {
  unsigned to_top = 64 - p.width;
  return {crc_power_of_x(p, bits + 64 - 1) << to_top, crc_power_of_x(p, bits - 1) << to_top};
}

struct CrcFolds {
  CrcFoldPair over_128;
  CrcFoldPair over_512;
  CrcFoldPair over_1024;
  CrcFoldPair over_2048;
};
constexpr CrcFolds crc_folds(CrcPolynomial p) {
  return {crc_fold_pair(p, 128), crc_fold_pair(p, 512), crc_fold_pair(p, 1024),
          crc_fold_pair(p, 2048)};
}

// Folds all whole 16-byte units of `data` (crc_fold_bytes_min at least), with `crc` in front of
// them, into `remainder`: 16 bytes that have the same CRC, from 0 on. Returns how many bytes went.
using CrcFold = std::size_t (*)(const CrcFolds& folds, std::uint64_t crc, const std::byte* data,
                                std::size_t size, std::byte* remainder);
inline constexpr std::size_t crc_fold_bytes_min = 256;

#if defined(__x86_64__)
std::size_t crc_fold_pclmul(const CrcFolds&, std::uint64_t, const std::byte*, std::size_t,
                            std::byte*);
std::size_t crc_fold_vpclmul(const CrcFolds&, std::uint64_t, const std::byte*, std::size_t,
                             std::byte*);
#elif defined(__aarch64__)
std::size_t crc_fold_pmull(const CrcFolds&, std::uint64_t, const std::byte*, std::size_t,
                           std::byte*);
#endif

}  // namespace headrace
