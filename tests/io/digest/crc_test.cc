// crc_test.cc: published vectors, a division bit by bit, and combination against the whole.
#include "io/digest/crc.h"

#include <doctest/doctest.h>

#include "io/digest/cpu.h"
#include "tests/support/random_bytes.h"

namespace headrace {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// The definition: one bit of the message at a time. `polynomial` as the standards print it.
std::uint64_t by_bits(std::uint64_t polynomial, unsigned width, std::string_view text) {
  std::uint64_t ones = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
  std::uint64_t value = ones;  // bit width - 1 is the highest power, as printed
  for (char byte : text) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      bool in = ((static_cast<unsigned char>(byte) >> bit) & 1) != 0;
      bool top = ((value >> (width - 1)) & 1) != 0;
      value = (value << 1) & ones;
      if (in != top) value ^= polynomial;
    }
  }
  std::uint64_t reflected = 0;
  for (unsigned bit = 0; bit < width; ++bit) {
    reflected |= ((value >> bit) & 1) << (width - 1 - bit);
  }
  return reflected ^ ones;
}

std::string counting(int first, int step, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += static_cast<char>(first + step * static_cast<int>(i % 256));
  }
  return text;
}

}  // namespace

TEST_CASE("CRC32C: vectors of RFC 3720, appendix B.4") {
  for (const CrcForm& form : crc_forms()) {
    CAPTURE(form.name);
    CHECK(form.crc32c(0, bytes_of("")) == 0);
    CHECK(form.crc32c(0, bytes_of("123456789")) == 0xe3069283);
    CHECK(form.crc32c(0, bytes_of(std::string(32, '\0'))) == 0x8a9136aa);
    CHECK(form.crc32c(0, bytes_of(std::string(32, '\xff'))) == 0x62a8ab43);
    CHECK(form.crc32c(0, bytes_of(counting(0, 1, 32))) == 0x46dd794e);
    CHECK(form.crc32c(0, bytes_of(counting(31, -1, 32))) == 0x113fdb5c);
  }
}

TEST_CASE("CRC64-NVME: the check value, and vectors of the NVM command set specification") {
  for (const CrcForm& form : crc_forms()) {
    CAPTURE(form.name);
    CHECK(form.crc64_nvme(0, bytes_of("")) == 0);
    CHECK(form.crc64_nvme(0, bytes_of("123456789")) == 0xae8b14860a799888);
    CHECK(form.crc64_nvme(0, bytes_of(std::string(4096, '\0'))) == 0x6482d367eb22b64e);
    CHECK(form.crc64_nvme(0, bytes_of(std::string(4096, '\xff'))) == 0xc0ddba7302eca3ac);
    CHECK(form.crc64_nvme(0, bytes_of(counting(0, 1, 4096))) == 0x3e729f5f6750449c);
    CHECK(form.crc64_nvme(0, bytes_of(counting(255, -1, 4096))) == 0x9a2df64b8e9e517e);
  }
}

TEST_CASE("every form agrees with the division bit by bit, at every length and alignment") {
  MESSAGE("instructions: ", describe(cpu_features()));
  std::string text = random_bytes(11, 1200);
  for (std::size_t size = 0; size < 1150; size += size < 600 ? 1 : 37) {
    std::string_view piece = std::string_view(text).substr(size % 17, size);
    auto expected32 = static_cast<std::uint32_t>(by_bits(0x1edc6f41, 32, piece));
    std::uint64_t expected64 = by_bits(0xad93d23594c93659, 64, piece);
    for (const CrcForm& form : crc_forms()) {
      CAPTURE(form.name);
      CAPTURE(size);
      CHECK(form.crc32c(0, bytes_of(piece)) == expected32);
      CHECK(form.crc64_nvme(0, bytes_of(piece)) == expected64);
    }
  }
}

TEST_CASE("pieces in a row, and combined parts, are the whole's") {
  Prng prng(2);
  std::string text = random_bytes(12, 70'000);
  std::uint32_t whole32 = crc32c(0, bytes_of(text));
  std::uint64_t whole64 = crc64_nvme(0, bytes_of(text));
  for (int round = 0; round < 20; ++round) {
    Crc32c digest32;
    Crc64Nvme digest64;
    std::uint32_t combined32 = 0;
    std::uint64_t combined64 = 0;
    for (std::string_view rest = text; !rest.empty();) {
      std::string_view piece = rest.substr(0, prng.below(20'000));
      rest.remove_prefix(piece.size());
      digest32.update(piece);
      digest64.update(piece);
      combined32 = crc32c_combine(combined32, crc32c(0, bytes_of(piece)), piece.size());
      combined64 = crc64_nvme_combine(combined64, crc64_nvme(0, bytes_of(piece)), piece.size());
    }
    CHECK(combined32 == whole32);
    CHECK(combined64 == whole64);
    CHECK(digest32.value() == whole32);
    CHECK(digest64.finish().hex() == [&] {
      std::array<std::byte, 8> big_endian;
      for (std::size_t i = 0; i < 8; ++i) {
        big_endian[i] = static_cast<std::byte>(whole64 >> (56 - 8 * i));
      }
      return to_hex(big_endian);
    }());
  }
}

TEST_CASE("combination over more bytes than memory holds") {
  // A gibibyte of zeros after `a`, doubled until it is an exbibyte, against one step of the same.
  std::uint64_t zeros = crc64_nvme(0, bytes_of(std::string(1024, '\0')));
  std::uint64_t size = 1024;
  while (size < (1ULL << 60)) {
    zeros = crc64_nvme_combine(zeros, zeros, size);
    size *= 2;
  }
  std::uint64_t a = crc64_nvme(0, bytes_of("something"));
  std::uint64_t once = crc64_nvme_combine(a, zeros, size);
  std::uint64_t half = zeros;
  std::uint64_t half_zeros = crc64_nvme(0, bytes_of(std::string(1024, '\0')));
  for (std::uint64_t sized = 1024; sized < size / 2; sized *= 2) {
    half_zeros = crc64_nvme_combine(half_zeros, half_zeros, sized);
  }
  half = crc64_nvme_combine(crc64_nvme_combine(a, half_zeros, size / 2), half_zeros, size / 2);
  CHECK(once == half);
}

}  // namespace headrace
