// kernel.h: the compression functions of SHA-256 and MD5, each in as many forms as CPUs have.
//
// A kernel takes `lanes` independent streams and puts the same number of 64-byte blocks through
// each. States are 8 words (SHA-256) or 4 (MD5) in the machine's byte order; data need not be
// aligned. Two lanes must not share a state; they may share data. A kernel may be called only where
// cpu_features() has what it needs: the lists below hold nothing else.
//
// Sources: FIPS 180-4 (SHA-256), RFC 1321 (MD5); Intel, "Intel SHA Extensions" (Gulley and others,
// 2013) for the instructions; Intel, "Processing Multiple Buffers in Parallel to Increase
// Performance on Intel Architecture Processors" (Gopal and others, 2010) for lanes in vectors. That
// two streams of SHA instructions hide each other's latency is our own measurement (bench/digest).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace headrace {

inline constexpr std::size_t digest_block_bytes = 64;
inline constexpr std::size_t kernel_lanes_max = 16;

using Compress = void (*)(std::uint32_t* const* states, const std::byte* const* data,
                          std::size_t blocks);

struct Kernel {
  const char* name;
  std::size_t lanes;
  Compress run;
};

// What run_lanes (batch.h) uses: the best for one stream, for a few, and for many.
struct KernelSet {
  const char* algorithm;
  Kernel one;
  Kernel few;               // 2 lanes, or the same as `one`
  Kernel many;              // 8 or 16 lanes, or the same as `few`
  Compress same = nullptr;  // two states over the data of one stream, where there is such a form
  std::span<const Kernel> all;  // every form that this CPU has, for tests and benchmarks
};

const KernelSet& sha256_kernels();
const KernelSet& md5_kernels();
// From so many streams on `many` is faster than `few`, more than kernel_lanes_max if it never is.
// CPUs differ too much for a table (AVX-512 may be split in two, SHA instructions may be pipelined
// or not): it is measured at the first call, in about 0.1 ms, and stays.
std::size_t many_from(const KernelSet& set);

inline constexpr std::uint32_t sha256_initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
alignas(64) inline constexpr std::uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// The forms. Each is defined for its architecture only.
void sha256_portable(std::uint32_t* const* states, const std::byte* const* data, std::size_t);
void md5_portable(std::uint32_t* const* states, const std::byte* const* data, std::size_t);
#if defined(__x86_64__)
void sha256_shani_1(std::uint32_t* const* states, const std::byte* const* data, std::size_t);
void sha256_shani_2(std::uint32_t* const* states, const std::byte* const* data, std::size_t);
// Two states over data[0]: the schedule is made once.
void sha256_shani_same(std::uint32_t* const* states, const std::byte* const* data, std::size_t);
void sha256_avx2_8(std::uint32_t* const* states, const std::byte* const* data, std::size_t);
void sha256_avx512_16(std::uint32_t* const* states, const std::byte* const* data, std::size_t);
void md5_avx2_8(std::uint32_t* const* states, const std::byte* const* data, std::size_t);
void md5_avx512_16(std::uint32_t* const* states, const std::byte* const* data, std::size_t);
#elif defined(__aarch64__)
void sha256_arm_1(std::uint32_t* const* states, const std::byte* const* data, std::size_t);
void sha256_arm_2(std::uint32_t* const* states, const std::byte* const* data, std::size_t);
#endif

}  // namespace headrace
