#include "io/machine.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "io/check.h"

namespace headrace {
namespace {

constexpr std::uint64_t mib = 1024 * 1024;
constexpr std::uint64_t memory_budget_max = 256 * mib;
constexpr std::uint64_t memory_budget_min = 16 * mib;
// Longer than any file read here; mountinfo of a host with thousands of containers is cut, and
// then only limits of mounts late in the list are missed.
constexpr std::size_t file_size_max = 4 * mib;

std::optional<std::string> read_whole(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string text;
  char chunk[4096];
  for (ssize_t count = 0; text.size() < file_size_max;) {
    count = read(fd, chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(chunk, static_cast<std::size_t>(count));
  }
  close(fd);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t value = 0;
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> read_number(const std::string& path) {
  std::optional<std::string> text = read_whole(path);
  return text ? parse_number(*text) : std::nullopt;
}

bool lists(std::string_view comma_list, std::string_view name) {
  for (std::string_view part : split(comma_list, ',')) {
    if (part == name) return true;
  }
  return false;
}

// The directories that hold the limits of one controller for us, from our own group up to the
// mount's top. `controller` is empty for the unified tree of v2.
std::vector<std::string> cgroup_directories(const std::string& root, std::string_view controller) {
  std::optional<std::string> groups = read_whole(root + "/proc/self/cgroup");
  std::optional<std::string> mounts = read_whole(root + "/proc/self/mountinfo");
  if (!groups || !mounts) return {};
  // "4:memory:/a/b" for v1, "0::/a/b" for v2.
  std::string group;
  for (std::string_view line : split(*groups, '\n')) {
    std::size_t first = line.find(':');
    std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    std::string_view names = line.substr(first + 1, second - first - 1);
    bool ours = controller.empty() ? names.empty() : lists(names, controller);
    if (ours) group = line.substr(second + 1);
  }
  if (group.empty()) return {};
  // "30 23 0:26 ROOT MOUNTPOINT rw,relatime shared:9 - cgroup2 cgroup2 rw"
  for (std::string_view line : split(*mounts, '\n')) {
    std::size_t dash = line.find(" - ");
    if (dash == line.npos) continue;
    std::vector<std::string_view> left = split(line.substr(0, dash), ' ');
    std::vector<std::string_view> right = split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    bool ours = controller.empty() ? right[0] == "cgroup2"
                                   : right[0] == "cgroup" && lists(right[2], controller);
    if (!ours) continue;
    // A container may see only its own part of the tree: then the mount's root is a prefix of our
    // group, or the group lies outside of what is mounted and the top is all there is to read.
    std::string_view below = group;
    if (left[3] != "/" && below.starts_with(left[3])) below.remove_prefix(left[3].size());
    else if (left[3] != "/" || below.starts_with("/..")) below = "";
    std::string top = root + std::string(left[4]);
    std::vector<std::string> directories;
    while (below.size() > 1) {
      directories.push_back(top + std::string(below));
      below = below.substr(0, below.rfind('/'));
    }
    directories.push_back(top);
    return directories;
  }
  return {};
}

int cores_for(std::int64_t quota_us, std::int64_t period_us) {
  if (quota_us <= 0 || period_us <= 0) return 0;
  return static_cast<int>(std::min<std::int64_t>((quota_us + period_us - 1) / period_us, 1 << 20));
}

int smaller_limit(int limit, int other) {
  if (other == 0) return limit;
  return limit == 0 ? other : std::min(limit, other);
}

std::uint64_t memory_total(const std::string& root) {
  std::optional<std::string> text = read_whole(root + "/proc/meminfo");
  if (!text) return no_limit;
  for (std::string_view line : split(*text, '\n')) {
    if (!line.starts_with("MemTotal:")) continue;
    std::optional<std::int64_t> kib = parse_number(line.substr(9));
    return kib && *kib > 0 ? static_cast<std::uint64_t>(*kib) * 1024 : no_limit;
  }
  return no_limit;
}

std::uint64_t soft_limit(__rlimit_resource resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return no_limit;
  return limit.rlim_cur;
}

int cores_of_affinity() {
  // The kernel refuses a mask shorter than its own, so a host with very many CPUs needs a longer
  // one than cpu_set_t.
  for (int cpus = CPU_SETSIZE; cpus <= 1 << 16; cpus *= 4) {
    cpu_set_t* mask = CPU_ALLOC(cpus);
    CHECK(mask != nullptr);
    std::size_t size = CPU_ALLOC_SIZE(cpus);
    int count = sched_getaffinity(0, size, mask) == 0 ? CPU_COUNT_S(size, mask) : 0;
    CPU_FREE(mask);
    if (count > 0) return count;
  }
  return 1;
}

}  // namespace

KernelVersion parse_kernel_version(std::string_view release) {
  KernelVersion version;
  const char* end = release.data() + release.size();
  auto [dot, problem] = std::from_chars(release.data(), end, version.major);
  if (problem != std::errc() || dot == end || *dot != '.') return {};
  if (std::from_chars(dot + 1, end, version.minor).ec != std::errc()) return {};
  return version;
}

int cores_of_quota(const std::string& root) {
  int cores = 0;
  for (const std::string& directory : cgroup_directories(root, "")) {
    // "max 100000" or "150000 100000".
    std::string text = read_whole(directory + "/cpu.max").value_or("");
    std::vector<std::string_view> fields = split(text, ' ');
    if (fields.size() < 2) continue;
    cores = smaller_limit(
        cores, cores_for(parse_number(fields[0]).value_or(0), parse_number(fields[1]).value_or(0)));
  }
  for (const std::string& directory : cgroup_directories(root, "cpu")) {
    cores =
        smaller_limit(cores, cores_for(read_number(directory + "/cpu.cfs_quota_us").value_or(0),
                                       read_number(directory + "/cpu.cfs_period_us").value_or(0)));
  }
  return cores;
}

std::uint64_t memory_limit_of_cgroups(const std::string& root) {
  std::uint64_t limit = no_limit;
  auto lower = [&limit](const std::string& path) {
    // "max", and the huge number that v1 writes for no limit, leave it as it is.
    std::optional<std::int64_t> value = read_number(path);
    if (value && *value > 0 && *value < INT64_MAX / 4096 * 4096) {
      limit = std::min(limit, static_cast<std::uint64_t>(*value));
    }
  };
  for (const std::string& directory : cgroup_directories(root, "")) {
    lower(directory + "/memory.max");
  }
  for (const std::string& directory : cgroup_directories(root, "memory")) {
    lower(directory + "/memory.limit_in_bytes");
  }
  return limit;
}

Machine read_machine(const std::string& root) {
  Machine machine;
  machine.cores_allowed = cores_of_affinity();
  int quota = cores_of_quota(root);
  machine.cores_usable =
      quota == 0 ? machine.cores_allowed : std::min(machine.cores_allowed, quota);
  machine.memory_limit_bytes = std::min(memory_limit_of_cgroups(root), memory_total(root));
  machine.memlock_bytes = soft_limit(RLIMIT_MEMLOCK);
  machine.open_files_max = soft_limit(RLIMIT_NOFILE);
  utsname names{};
  if (uname(&names) == 0) machine.kernel = parse_kernel_version(names.release);
  return machine;
}

std::uint64_t default_memory_budget(const Machine& machine) {
  return std::clamp(machine.memory_limit_bytes / 4, memory_budget_min, memory_budget_max);
}

Error io_uring_error(int errno_value, const std::string& root) {
  std::int64_t disabled = read_number(root + "/proc/sys/kernel/io_uring_disabled").value_or(0);
  if (errno_value == EPERM && disabled > 0) {
    Error error = system_error("io_uring_forbidden",
                               fmt::format("io_uring is switched off by the kernel setting "
                                           "kernel.io_uring_disabled={}",
                                           disabled),
                               errno_value);
    return std::move(error).hinting(
        disabled == 1 ? "set kernel.io_uring_disabled=0 with sysctl, or join the group of "
                        "kernel.io_uring_group"
                      : "set kernel.io_uring_disabled=0 with sysctl");
  }
  if (errno_value == EPERM || errno_value == EACCES || errno_value == ENOSYS) {
    Error error = system_error("io_uring_forbidden", "io_uring is not available to this process",
                               errno_value);
    return std::move(error).hinting(
        "in a container, allow io_uring_setup, io_uring_enter and io_uring_register in its seccomp "
        "profile (docker run --security-opt seccomp=PROFILE); otherwise use a kernel from 5.15 on "
        "that is built with CONFIG_IO_URING");
  }
  if (errno_value == ENOMEM) {
    Error error = system_error("io_uring_memlock",
                               "io_uring could not lock the memory of its queues", errno_value);
    return std::move(error).hinting("raise the locked-memory limit (ulimit -l)");
  }
  return system_error("io_uring_failed", "io_uring could not be set up", errno_value);
}

std::uint64_t peak_memory_bytes(const std::string& root) {
  std::optional<std::string> text = read_whole(root + "/proc/self/status");
  if (!text) return 0;
  for (std::string_view line : split(*text, '\n')) {
    if (!line.starts_with("VmHWM:")) continue;
    return static_cast<std::uint64_t>(parse_number(line.substr(6)).value_or(0)) * 1024;
  }
  return 0;
}

Duration cpu_time_used() {
  timespec used{};
  CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace headrace
