// machine.h: what this machine lets the process use.
//
// Read once at start, from any thread; nothing here waits. Every path is taken below a root, so
// that a test can show it a machine of its own making. What cannot be read counts as no limit: a
// missing file never fails a run.
// Sources: proc(5), cgroups(7), the kernel's admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/clock.h"
#include "io/error.h"

namespace headrace {

inline constexpr std::uint64_t no_limit = UINT64_MAX;

struct KernelVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const KernelVersion&) const = default;
};
// "6.1.0-18-amd64" is 6.1; what is not a version is 0.0.
KernelVersion parse_kernel_version(std::string_view release);

struct Machine {
  int cores_allowed = 1;  // CPUs of the affinity mask
  int cores_usable = 1;   // of those, as many as the CPU quota pays for; one worker each
  std::uint64_t memory_limit_bytes = no_limit;  // the smallest of RAM and all cgroup limits
  std::uint64_t memlock_bytes = no_limit;       // RLIMIT_MEMLOCK, soft
  std::uint64_t open_files_max = no_limit;      // RLIMIT_NOFILE, soft
  KernelVersion kernel;
};
Machine read_machine(const std::string& root = "");

// The smaller of 256 MiB and a quarter of the memory limit, at least 16 MiB: an upload must leave
// room for the program it may live in, and works, slowly, with 16 MiB.
std::uint64_t default_memory_budget(const Machine&);

// Cores that a quota pays for, 0 if none is set: 150 ms in every 100 ms are two. `root` as above.
int cores_of_quota(const std::string& root);
// The smallest memory limit of our cgroups, up the tree; no_limit if none is set.
std::uint64_t memory_limit_of_cgroups(const std::string& root);

// Why io_uring_queue_init answered `errno_value`, naming the setting that forbids it:
// kernel.io_uring_disabled, the container's seccomp profile, the locked-memory limit, the kernel.
Error io_uring_error(int errno_value, const std::string& root = "");

// The most memory the process has held so far (VmHWM), 0 where /proc is not mounted.
std::uint64_t peak_memory_bytes(const std::string& root = "");
// User and system time of all threads so far.
Duration cpu_time_used();

}  // namespace headrace
