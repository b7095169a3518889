#include "io/digest/kernel.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "io/digest/cpu.h"

namespace headrace {
namespace {

// The forms of one algorithm that this CPU has, the narrowest first.
std::vector<Kernel> available(std::initializer_list<std::pair<bool, Kernel>> forms) {
  std::vector<Kernel> found;
  for (const auto& [there, kernel] : forms) {
    if (there) found.push_back(kernel);
  }
  return found;
}

// For each width the last form of the list, which runs from plain to special.
KernelSet choose(const char* algorithm, const std::vector<Kernel>& forms) {
  KernelSet set{.algorithm = algorithm, .one = {}, .few = {}, .many = {}, .all = forms};
  for (const Kernel& kernel : forms) {
    if (kernel.lanes == 1) set.one = set.few = set.many = kernel;
    if (kernel.lanes == 2) set.few = set.many = kernel;
    if (kernel.lanes > 2) set.many = kernel;
  }
  return set;
}

KernelSet choose_sha256() {
  const CpuFeatures& cpu = cpu_features();
#if defined(__x86_64__)
  static const std::vector<Kernel> forms =
      available({{true, {"portable", 1, sha256_portable}},
                 {cpu.sha_ni, {"sha-ni", 1, sha256_shani_1}},
                 {cpu.sha_ni, {"sha-ni x2", 2, sha256_shani_2}},
                 {cpu.avx2, {"avx2 x8", 8, sha256_avx2_8}},
                 {cpu.avx512, {"avx-512 x16", 16, sha256_avx512_16}}});
  KernelSet set = choose("SHA-256", forms);
  if (cpu.sha_ni) set.same = sha256_shani_same;
#else
  static const std::vector<Kernel> forms =
      available({{true, {"portable", 1, sha256_portable}},
                 {cpu.arm_sha2, {"sha2", 1, sha256_arm_1}},
                 {cpu.arm_sha2, {"sha2 x2", 2, sha256_arm_2}}});
  KernelSet set = choose("SHA-256", forms);
#endif
  return set;
}

KernelSet choose_md5() {
#if defined(__x86_64__)
  const CpuFeatures& cpu = cpu_features();
  static const std::vector<Kernel> forms =
      available({{true, {"portable", 1, md5_portable}},
                 {cpu.avx2, {"avx2 x8", 8, md5_avx2_8}},
                 {cpu.avx512, {"avx-512 x16", 16, md5_avx512_16}}});
#else
  static const std::vector<Kernel> forms = available({{true, {"portable", 1, md5_portable}}});
#endif
  return choose("MD5", forms);
}

// The best of a few runs, in nanoseconds: whatever else the machine does only adds to it.
double best_time_ns(const Kernel& kernel) {
  constexpr std::size_t blocks = 64;
  constexpr int runs = 5;
  static constexpr std::array<std::byte, blocks * digest_block_bytes> bytes{};
  std::array<std::array<std::uint32_t, 8>, kernel_lanes_max> values{};
  std::array<std::uint32_t*, kernel_lanes_max> states{};
  std::array<const std::byte*, kernel_lanes_max> data{};
  for (std::size_t lane = 0; lane < kernel_lanes_max; ++lane) {
    states[lane] = values[lane].data();
    data[lane] = bytes.data();
  }
  double best = 0;
  for (int run = 0; run < runs; ++run) {
    auto begin = std::chrono::steady_clock::now();
    kernel.run(states.data(), data.data(), blocks);
    std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    best = run == 0 ? took.count() : std::min(best, took.count());
  }
  return best;
}

std::size_t measure(const KernelSet& set) {
  if (set.many.lanes == set.few.lanes) return kernel_lanes_max + 1;
  double few_each = best_time_ns(set.few) / static_cast<double>(set.few.lanes);
  double many = best_time_ns(set.many);
  std::size_t streams = set.few.lanes + 1;
  while (streams <= set.many.lanes && few_each * static_cast<double>(streams) < many) ++streams;
  return streams <= set.many.lanes ? streams : kernel_lanes_max + 1;
}

}  // namespace

const KernelSet& sha256_kernels() {
  static const KernelSet set = choose_sha256();
  return set;
}

const KernelSet& md5_kernels() {
  static const KernelSet set = choose_md5();
  return set;
}

std::size_t many_from(const KernelSet& set) {
  static const std::size_t sha256_from = measure(sha256_kernels());
  static const std::size_t md5_from = measure(md5_kernels());
  return &set == &md5_kernels() ? md5_from : sha256_from;
}

}  // namespace headrace
