#include "io/digest/cpu.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace headrace {
namespace {

#if defined(__x86_64__)

bool bit(unsigned word, unsigned number) { return ((word >> number) & 1) != 0; }

// Which register files the operating system saves: without that the instructions fault.
std::uint64_t saved_state() {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

CpuFeatures look() {
  CpuFeatures found;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return found;
  bool sse41 = bit(c, 9) && bit(c, 19);  // SSSE3, SSE4.1
  found.pclmul = sse41 && bit(c, 1);
  std::uint64_t saved = bit(c, 27) ? saved_state() : 0;
  bool ymm = (saved & 0x06) == 0x06;
  bool zmm = (saved & 0xe6) == 0xe6;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return found;
  found.sha_ni = sse41 && bit(b, 29);
  found.avx2 = ymm && bit(b, 5);
  found.avx512 = zmm && bit(b, 16) && bit(b, 30);
  found.vpclmul512 = found.avx512 && found.pclmul && bit(c, 10);
  return found;
}

#elif defined(__aarch64__)

CpuFeatures look() {
  CpuFeatures found;
  unsigned long bits = getauxval(AT_HWCAP);
  found.arm_sha2 = (bits & HWCAP_SHA2) != 0;
  found.arm_pmull = (bits & HWCAP_PMULL) != 0;
  return found;
}

#endif

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = look();
  return features;
}

std::string describe(const CpuFeatures& features) {
  std::string text;
  auto name = [&text](bool there, const char* word) {
    if (!there) return;
    if (!text.empty()) text += ' ';
    text += word;
  };
  name(features.sha_ni, "sha-ni");
  name(features.pclmul, "pclmulqdq");
  name(features.avx2, "avx2");
  name(features.avx512, "avx-512");
  name(features.vpclmul512, "vpclmulqdq");
  name(features.arm_sha2, "sha2");
  name(features.arm_pmull, "pmull");
  return text.empty() ? "none" : text;
}

}  // namespace headrace
