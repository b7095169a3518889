// crc.h: CRC32C and CRC64-NVME, the checksums that stores combine over parts.
//
// crc(0, bytes) is the checksum of `bytes`; crc(crc(0, a), b) that of a and b in a row, and
// combine(crc of a, crc of b, size of b) the same from the two values alone. Any thread; no
// allocation.
//
// Sources: CRC32C: RFC 3720, appendix B.4 (Castagnoli's polynomial 0x1edc6f41). CRC64-NVME: NVM
// Express, NVM Command Set Specification, "64b CRC" (polynomial 0xad93d23594c93659). Both
// reflected, beginning with and inverted by all ones.
#pragma once

#include <vector>

#include "io/digest/digest.h"

namespace headrace {

std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> bytes);
std::uint32_t crc32c_combine(std::uint32_t a, std::uint32_t b, std::uint64_t size_of_b);
std::uint64_t crc64_nvme(std::uint64_t crc, std::span<const std::byte> bytes);
std::uint64_t crc64_nvme_combine(std::uint64_t a, std::uint64_t b, std::uint64_t size_of_b);

// Each way this CPU can compute them, the one that is used last; for tests and benchmarks.
struct CrcForm {
  const char* name;
  std::uint32_t (*crc32c)(std::uint32_t crc, std::span<const std::byte> bytes);
  std::uint64_t (*crc64_nvme)(std::uint64_t crc, std::span<const std::byte> bytes);
};
const std::vector<CrcForm>& crc_forms();

// The same as digests. The value is big-endian, as stores write it in base64.
class Crc32c final : public Digest {
 public:
  using Digest::update;
  void update(std::span<const std::byte> bytes) override { crc_ = crc32c(crc_, bytes); }
  DigestValue finish() override;
  std::uint32_t value() const { return crc_; }

 private:
  std::uint32_t crc_ = 0;
};

class Crc64Nvme final : public Digest {
 public:
  using Digest::update;
  void update(std::span<const std::byte> bytes) override { crc_ = crc64_nvme(crc_, bytes); }
  DigestValue finish() override;
  std::uint64_t value() const { return crc_; }

 private:
  std::uint64_t crc_ = 0;
};

}  // namespace headrace
