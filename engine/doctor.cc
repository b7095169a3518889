#include "engine/doctor.h"

#include <algorithm>

#include <fmt/format.h>

#include "io/machine.h"
#include "io/rates.h"
#include "io/uring.h"

namespace headrace {
namespace {

constexpr double mib = 1024.0 * 1024;
// A ring's memory counts as locked on kernels before 5.12 only, but registered buffers always.
constexpr std::uint64_t memlock_low_bytes = 1 << 20;
constexpr std::uint64_t open_files_low = 256;

Finding about_ring() {
  Result<std::string> ring = describe_uring();
  if (!ring) return failed_finding("machine", "io_uring", std::move(ring.error()));
  return {.about = "machine", .name = "io_uring", .text = "io_uring works: " + *ring};
}

Finding about_limits(const Machine& machine) {
  Finding found{.about = "machine", .name = "limits"};
  std::string memlock = machine.memlock_bytes == no_limit
                            ? "unlimited"
                            : fmt::format("{} KiB", machine.memlock_bytes >> 10);
  std::string files =
      machine.open_files_max == no_limit ? "unlimited" : fmt::format("{}", machine.open_files_max);
  found.text = fmt::format("locked memory {}, open files {}", memlock, files);
  if (machine.memlock_bytes < memlock_low_bytes) {
    found.verdict = Verdict::warn;
    found.advice = "raise the limit on locked memory (`ulimit -l`)";
  }
  if (machine.open_files_max < open_files_low) {
    found.verdict = Verdict::warn;
    found.advice = "raise the limit on open files (`ulimit -n`)";
  }
  if (machine.memlock_bytes != no_limit) {
    found.numbers.emplace_back("memlock_bytes", machine.memlock_bytes);
  }
  if (machine.open_files_max != no_limit) {
    found.numbers.emplace_back("open_files", machine.open_files_max);
  }
  return found;
}

Finding about_memory(const Machine& machine) {
  std::uint64_t budget = default_memory_budget(machine);
  Finding found{.about = "machine", .name = "memory"};
  bool limited = machine.memory_limit_bytes != no_limit;
  found.text = fmt::format("memory {}, of which content may take {} MiB",
                           limited ? fmt::format("{} MiB", machine.memory_limit_bytes >> 20)
                                   : std::string("of unknown size"),
                           budget >> 20);
  if (budget < (64 << 20)) {
    found.verdict = Verdict::warn;
    found.advice = "an upload will be slow here: allow it more memory";
  }
  if (limited) found.numbers.emplace_back("memory_bytes", machine.memory_limit_bytes);
  found.numbers.emplace_back("budget_bytes", budget);
  return found;
}

Finding about_cores(const Machine& machine) {
  return {.about = "machine",
          .name = "cores",
          .text = fmt::format("{} usable of {} allowed cores, Linux {}.{}", machine.cores_usable,
                              machine.cores_allowed, machine.kernel.major, machine.kernel.minor),
          .numbers = {{"cores_usable", machine.cores_usable},
                      {"cores_allowed", machine.cores_allowed}}};
}

Finding about_digest(double rate, int cores) {
  return {.about = "machine",
          .name = "sha256",
          .text = fmt::format("SHA-256 of one file: {:.0f} MiB/s; on all {} cores: {:.0f} MiB/s",
                              rate / mib, cores, rate * cores / mib),
          .numbers = {{"bytes_per_second", rate}, {"bytes_per_second_all", rate * cores}}};
}

Finding about_disk(double rate) {
  return {.about = "machine",
          .name = "disk",
          .text = fmt::format("this folder is read with {:.0f} MiB/s", rate / mib),
          .numbers = {{"bytes_per_second", rate}}};
}

Finding about_bottleneck(double disk, double digest) {
  bool disk_is_less = disk < digest;
  double rate = std::min(disk, digest);
  return {.about = "machine",
          .name = "bottleneck",
          .text = fmt::format("{} will be the bottleneck on a line faster than {:.1f} Gbit/s, the "
                              "line on any other",
                              disk_is_less ? "the disk" : "SHA-256", rate * 8 / 1e9),
          .numbers = {{"bytes_per_second", rate}}};
}

}  // namespace

Finding failed_finding(std::string about, std::string name, Error error) {
  Finding found{.about = std::move(about), .name = std::move(name), .verdict = Verdict::fail};
  found.text = error.message;
  // Whatever failed, something can be done.
  found.advice = !error.hint.empty()               ? error.hint
                 : error.kind == ErrorClass::retry ? "run it again in a moment"
                                                   : "look the code up in the list of errors";
  found.error = std::move(error);
  return found;
}

Finding unknown_finding(std::string name, Error error) {
  Finding found = failed_finding("machine", std::move(name), std::move(error));
  found.verdict = Verdict::warn;
  return found;
}

std::vector<Finding> diagnose_machine(const std::string& folder, const Clock& clock) {
  Machine machine = read_machine();
  std::vector<Finding> found = {about_ring(), about_cores(machine), about_memory(machine),
                                about_limits(machine)};
  double digest = sha256_rate(clock);
  found.push_back(about_digest(digest, machine.cores_usable));
  Result<double> disk = disk_rate(folder, clock);
  if (disk) {
    found.push_back(about_disk(*disk));
    found.push_back(about_bottleneck(*disk, digest * machine.cores_usable));
  } else {
    found.push_back(unknown_finding("disk", std::move(disk.error()).at("doctor")));
  }
  return found;
}

}  // namespace headrace
