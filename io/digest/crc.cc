#include "io/digest/crc.h"

#include <bit>
#include <cstring>
#include <utility>

#include "io/digest/cpu.h"
#include "io/digest/crc_fold.h"

namespace headrace {
namespace {

constexpr CrcPolynomial castagnoli = {.reflected = 0x82f63b78, .width = 32};
constexpr CrcPolynomial nvme = {.reflected = 0x9a6c9329ac4bc9b5, .width = 64};

// tables[k][b]: what byte b does to the CRC when k more bytes follow it in the same step.
using Tables = std::array<std::array<std::uint64_t, 256>, 8>;
constexpr Tables make_tables(CrcPolynomial p) {
  Tables tables{};
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    std::uint64_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = crc_times_x(p, value);
    tables[0][byte] = value;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      std::uint64_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

struct Crc {
  CrcPolynomial polynomial;
  Tables tables;
  CrcFolds folds;
  std::array<std::uint64_t, 64 + 3> squares;  // x^(2^i): a size in bits, 8 times one in bytes
};
constexpr Crc make_crc(CrcPolynomial p) {
  Crc crc{.polynomial = p, .tables = make_tables(p), .folds = crc_folds(p), .squares = {}};
  crc.squares[0] = crc_power_of_x(p, 1);
  for (std::size_t i = 1; i < crc.squares.size(); ++i) {
    crc.squares[i] = crc_multiply(p, crc.squares[i - 1], crc.squares[i - 1]);
  }
  return crc;
}
constexpr Crc crc32c_numbers = make_crc(castagnoli);
constexpr Crc crc64_numbers = make_crc(nvme);

std::uint64_t little_endian_word(const std::byte* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return std::endian::native == std::endian::little ? word : std::byteswap(word);
}

// Eight bytes a step; without the ones before and after.
std::uint64_t by_tables(const Crc& numbers, std::uint64_t crc, std::span<const std::byte> bytes) {
  const Tables& tables = numbers.tables;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    std::uint64_t word = little_endian_word(bytes.data()) ^ crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i) crc ^= tables[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (std::byte byte : bytes) {
    crc = (crc >> 8) ^ tables[0][(crc ^ std::to_integer<std::uint64_t>(byte)) & 0xff];
  }
  return crc;
}

template <CrcFold fold>
std::uint64_t by_folding(const Crc& numbers, std::uint64_t crc, std::span<const std::byte> bytes) {
  if (bytes.size() < crc_fold_bytes_min) return by_tables(numbers, crc, bytes);
  std::array<std::byte, 16> remainder;
  std::size_t folded = fold(numbers.folds, crc, bytes.data(), bytes.size(), remainder.data());
  crc = by_tables(numbers, 0, remainder);
  return by_tables(numbers, crc, bytes.subspan(folded));
}

using Update = std::uint64_t (*)(const Crc&, std::uint64_t, std::span<const std::byte>);

template <Update update>
constexpr CrcForm form_of(const char* name) {
  return {.name = name,
          .crc32c =
              [](std::uint32_t crc, std::span<const std::byte> bytes) {
                return ~static_cast<std::uint32_t>(update(crc32c_numbers, ~crc, bytes));
              },
          .crc64_nvme =
              [](std::uint64_t crc, std::span<const std::byte> bytes) {
                return ~update(crc64_numbers, ~crc, bytes);
              }};
}

std::vector<CrcForm> find_forms() {
  const CpuFeatures& cpu = cpu_features();
  std::vector<CrcForm> forms = {form_of<by_tables>("tables")};
#if defined(__x86_64__)
  if (cpu.pclmul) forms.push_back(form_of<by_folding<crc_fold_pclmul>>("pclmulqdq"));
  if (cpu.vpclmul512) forms.push_back(form_of<by_folding<crc_fold_vpclmul>>("vpclmulqdq"));
#elif defined(__aarch64__)
  if (cpu.arm_pmull) forms.push_back(form_of<by_folding<crc_fold_pmull>>("pmull"));
#endif
  return forms;
}

// a * x^(8 * size) + b. The ones that stand before and after each value cancel out.
std::uint64_t combine(const Crc& numbers, std::uint64_t a, std::uint64_t b, std::uint64_t size) {
  for (unsigned i = 3; size != 0; ++i, size >>= 1) {
    if ((size & 1) != 0) a = crc_multiply(numbers.polynomial, numbers.squares[i], a);
  }
  return a ^ b;
}

template <class Word>
DigestValue big_endian_value(Word word) {
  if (std::endian::native == std::endian::little) word = std::byteswap(word);
  DigestValue value;
  value.size = sizeof word;
  std::memcpy(value.bytes.data(), &word, sizeof word);
  return value;
}

}  // namespace

const std::vector<CrcForm>& crc_forms() {
  static const std::vector<CrcForm> forms = find_forms();
  return forms;
}

std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes) {
  static const CrcForm& best = crc_forms().back();
  return best.crc32c(crc, bytes);
}

std::uint64_t crc64_nvme(std::uint64_t crc, std::span<const std::byte> bytes) {
  static const CrcForm& best = crc_forms().back();
  return best.crc64_nvme(crc, bytes);
}

std::uint32_t crc32c_combine(std::uint32_t a, std::uint32_t b, std::uint64_t size_of_b) {
  return static_cast<std::uint32_t>(combine(crc32c_numbers, a, b, size_of_b));
}

std::uint64_t crc64_nvme_combine(std::uint64_t a, std::uint64_t b, std::uint64_t size_of_b) {
  return combine(crc64_numbers, a, b, size_of_b);
}

DigestValue Crc32c::finish() { return big_endian_value(std::exchange(crc_, 0)); }
DigestValue Crc64Nvme::finish() { return big_endian_value(std::exchange(crc_, 0)); }

}  // namespace headrace
