// machine_test.cc: limits read from machines made of a few files.
#include "io/machine.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <vector>

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace headrace;

namespace {

// A root with the files a test writes into it; gone with the object.
class FakeRoot {
 public:
  FakeRoot() {
    char name[] = "/tmp/headrace-machine-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~FakeRoot() { std::filesystem::remove_all(path_); }
  FakeRoot& with(const std::string& file, const std::string& text) {
    std::filesystem::path full = path_ + file;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
    return *this;
  }
  FakeRoot& with_v2(const std::string& group) {
    return with("/proc/self/cgroup", "0::" + group + "\n")
        .with("/proc/self/mountinfo",
              "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
              "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

constexpr std::uint64_t mib = 1024 * 1024;

}  // namespace

TEST_CASE("no files, no limits") {
  FakeRoot root;
  CHECK(cores_of_quota(root.path()) == 0);
  CHECK(memory_limit_of_cgroups(root.path()) == no_limit);
  CHECK(read_machine(root.path()).memory_limit_bytes == no_limit);
  CHECK(peak_memory_bytes(root.path()) == 0);
}

TEST_CASE("v2: the tightest limit up the tree counts") {
  FakeRoot root;
  root.with_v2("/outer/inner")
      .with("/sys/fs/cgroup/outer/memory.max", "1073741824\n")
      .with("/sys/fs/cgroup/outer/inner/memory.max", "max\n")
      .with("/sys/fs/cgroup/outer/cpu.max", "150000 100000\n")
      .with("/sys/fs/cgroup/outer/inner/cpu.max", "800000 100000\n");
  CHECK(memory_limit_of_cgroups(root.path()) == 1024 * mib);
  CHECK(cores_of_quota(root.path()) == 2);
}

TEST_CASE("v2: max everywhere is no limit") {
  FakeRoot root;
  root.with_v2("/")
      .with("/sys/fs/cgroup/memory.max", "max\n")
      .with("/sys/fs/cgroup/cpu.max", "max 100000\n");
  CHECK(memory_limit_of_cgroups(root.path()) == no_limit);
  CHECK(cores_of_quota(root.path()) == 0);
}

TEST_CASE("v2: a container whose group lies outside of its mount reads the top") {
  FakeRoot root;
  root.with_v2("/../../elsewhere").with("/sys/fs/cgroup/memory.max", "536870912\n");
  CHECK(memory_limit_of_cgroups(root.path()) == 512 * mib);
}

TEST_CASE("v1: the mount's root is cut from the group") {
  FakeRoot root;
  root.with("/proc/self/cgroup", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc/job\n0::/\n")
      .with("/proc/self/mountinfo",
            "40 22 0:31 /docker/abc /sys/fs/cgroup/memory ro shared:3 - cgroup cgroup rw,memory\n"
            "41 22 0:32 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n")
      .with("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
      .with("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "268435456\n")
      .with("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n")
      .with("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  CHECK(memory_limit_of_cgroups(root.path()) == 256 * mib);
  CHECK(cores_of_quota(root.path()) == 1);
  CHECK(read_machine(root.path()).cores_usable == 1);
}

TEST_CASE("v1: the number for no limit is no limit, and a quota of -1 is none") {
  FakeRoot root;
  root.with("/proc/self/cgroup", "5:cpu:/\n4:memory:/\n")
      .with("/proc/self/mountinfo",
            "40 22 0:31 / /cg/memory rw - cgroup cgroup rw,memory\n"
            "41 22 0:32 / /cg/cpu rw - cgroup cgroup rw,cpu\n")
      .with("/cg/memory/memory.limit_in_bytes", "9223372036854771712\n")
      .with("/cg/cpu/cpu.cfs_quota_us", "-1\n")
      .with("/cg/cpu/cpu.cfs_period_us", "100000\n");
  CHECK(memory_limit_of_cgroups(root.path()) == no_limit);
  CHECK(cores_of_quota(root.path()) == 0);
}

TEST_CASE("the budget is a quarter of the limit, within 16 and 256 MiB") {
  Machine machine;
  machine.memory_limit_bytes = 400 * mib;
  CHECK(default_memory_budget(machine) == 100 * mib);
  machine.memory_limit_bytes = 20 * mib;
  CHECK(default_memory_budget(machine) == 16 * mib);
  machine.memory_limit_bytes = no_limit;
  CHECK(default_memory_budget(machine) == 256 * mib);
}

TEST_CASE("RAM is a limit too") {
  FakeRoot root;
  root.with("/proc/meminfo", "MemTotal:        2048000 kB\nMemFree: 1 kB\n");
  CHECK(read_machine(root.path()).memory_limit_bytes == 2048000ULL * 1024);
}

TEST_CASE("limits of the real process") {
  Machine machine = read_machine();
  cpu_set_t mask;
  REQUIRE(sched_getaffinity(0, sizeof mask, &mask) == 0);
  CHECK(machine.cores_allowed == CPU_COUNT(&mask));
  CHECK(machine.cores_usable >= 1);
  CHECK(machine.cores_usable <= machine.cores_allowed);
  rlimit files{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &files) == 0);
  CHECK(machine.open_files_max == files.rlim_cur);
  CHECK(machine.kernel >= KernelVersion{5, 15});
  CHECK(machine.memory_limit_bytes > 16 * mib);
}

TEST_CASE("peak memory follows what is touched") {
  std::uint64_t before = peak_memory_bytes();
  CHECK(before > mib);
  std::vector<char> touched(64 * mib, 'x');
  CHECK(touched[touched.size() / 2] == 'x');
  CHECK(peak_memory_bytes() >= before + 32 * mib);
}

TEST_CASE("CPU time grows with work") {
  Duration before = cpu_time_used();
  std::uint64_t sum = 1;
  while (cpu_time_used() - before < std::chrono::milliseconds(2)) sum = sum * 3 + 1;
  CHECK(sum != 0);
}

TEST_CASE("kernel versions") {
  CHECK(parse_kernel_version("6.1.0-18-amd64") == KernelVersion{6, 1});
  CHECK(parse_kernel_version("5.15") == KernelVersion{5, 15});
  CHECK(parse_kernel_version("5.15") < KernelVersion{6, 0});
  CHECK(parse_kernel_version("") == KernelVersion{});
  CHECK(parse_kernel_version("6") == KernelVersion{});
  CHECK(parse_kernel_version("x.y") == KernelVersion{});
}

TEST_CASE("io_uring forbidden: the error names the setting") {
  FakeRoot off;
  off.with("/proc/sys/kernel/io_uring_disabled", "2\n");
  Error error = io_uring_error(EPERM, off.path());
  CHECK(error.code == "io_uring_forbidden");
  CHECK(error.sys_error == EPERM);
  CHECK(error.message.find("kernel.io_uring_disabled=2") != std::string::npos);
  CHECK(error.hint.find("sysctl") != std::string::npos);

  FakeRoot group;
  group.with("/proc/sys/kernel/io_uring_disabled", "1\n");
  CHECK(io_uring_error(EPERM, group.path()).hint.find("io_uring_group") != std::string::npos);

  FakeRoot seccomp;
  CHECK(io_uring_error(EPERM, seccomp.path()).hint.find("seccomp") != std::string::npos);
  CHECK(io_uring_error(ENOMEM, seccomp.path()).code == "io_uring_memlock");
  CHECK(io_uring_error(EINVAL, seccomp.path()).code == "io_uring_failed");
}
