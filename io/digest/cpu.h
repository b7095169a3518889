// cpu.h: which of the instructions that digests profit from this CPU has, and the operating system
// lets us use. Looked up once per process; any thread.
//
// Sources: CPUID leaves 1 and 7 and XGETBV as in Intel's Software Developer's Manual, volume 1,
// chapters 13 to 15; on aarch64 the kernel's HWCAP bits (Documentation/arch/arm64/elf_hwcaps).
#pragma once

#include <string>

namespace headrace {

struct CpuFeatures {
  bool sha_ni = false;      // SHA-256 rounds; with SSSE3 and SSE4.1
  bool pclmul = false;      // 128-bit carry-less multiplication; with SSE4.1
  bool avx2 = false;        // 8 lanes of 32 bits
  bool avx512 = false;      // 16 lanes of 32 bits: F and BW
  bool vpclmul512 = false;  // four carry-less multiplications at once; with AVX-512
  bool arm_sha2 = false;
  bool arm_pmull = false;
};

const CpuFeatures& cpu_features();
// The names of those that are there, for -v and for benchmarks.
std::string describe(const CpuFeatures& features);

}  // namespace headrace
