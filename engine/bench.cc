#include "engine/bench.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "io/machine.h"
#include "net/seal_rate.h"

namespace headrace {
namespace {

constexpr double mib_bytes = 1024.0 * 1024;

// What a core does to each byte.
struct Stage {
  const char* name;
  double rate;
};

struct Slowest {
  const char* by;
  double rate;
};

// Of stages that come one after the other on each core, all cores alike. What is not known costs
// nothing.
Slowest cores_bound(std::span<const Stage> stages, double cores) {
  double seconds_a_byte = 0;
  Slowest most{"", 0};
  for (const Stage& stage : stages) {
    if (stage.rate <= 0) continue;
    seconds_a_byte += 1 / stage.rate;
    if (most.rate == 0 || stage.rate < most.rate) most = {stage.name, stage.rate};
  }
  return {most.by, seconds_a_byte > 0 ? cores / seconds_a_byte : 0};
}

Slowest with_disk(Slowest cores, double disk) {
  if (disk > 0 && (cores.rate == 0 || disk < cores.rate)) return {"disk", disk};
  return cores;
}

// Hashed as a whole, then sent: the times add up. By what took longer.
Slowest one_after_the_other(Slowest first, Slowest second) {
  if (first.rate == 0 || second.rate == 0) return first.rate == 0 ? second : first;
  double rate = 1 / (1 / first.rate + 1 / second.rate);
  return {first.rate < second.rate ? first.by : second.by, rate};
}

UploadBound bound(std::string name, std::string what, Slowest slowest) {
  return {std::move(name), std::move(what), slowest.by, slowest.rate};
}

void add_bounds(const MachineRates& rates, bool tls, std::vector<UploadBound>& bounds) {
  double cores = rates.cores;
  const char* scheme = tls ? "https" : "http";
  Stage seal{"tls", tls ? rates.seal : 0};
  Stage send{"send", rates.send};
  auto name = [&](const char* of) { return fmt::format("{}_{}", of, scheme); };
  auto what = [&](const char* of) { return fmt::format("{}, {}", of, scheme); };

  const Stage many[] = {{"sha256", rates.sha256_lanes}, seal, send};
  bounds.push_back(bound(name("hub_many"), what("many large files to the Hub"),
                         with_disk(cores_bound(many, cores), rates.disk)));
  const Stage hash[] = {{"sha256", rates.sha256_one}};
  const Stage sending[] = {seal, send};
  Slowest plain = cores_bound(sending, cores);
  bounds.push_back(bound(name("hub_one"), what("one large file to the Hub"),
                         one_after_the_other(with_disk(cores_bound(hash, 1), rates.disk),
                                             with_disk(plain, rates.disk))));
  const Stage store[] = {{"crc64", rates.crc64}, seal, send};
  bounds.push_back(bound(name("s3"), what("to S3, with CRC64-NVME"),
                         with_disk(cores_bound(store, cores), rates.disk)));
  bounds.push_back(bound(name("urls"), what("to given URLs"), with_disk(plain, rates.disk)));
}

Finding measured(std::string name, std::string text, double rate) {
  text += fmt::format(": {:.0f} MiB/s", rate / mib_bytes);
  return {.about = "machine",
          .name = std::move(name),
          .text = std::move(text),
          .numbers = {{"bytes_per_second", rate}}};
}

std::string_view words_of(std::string_view by) {
  if (by == "sha256") return "SHA-256";
  if (by == "crc64") return "CRC64-NVME";
  if (by == "tls") return "TLS";
  if (by == "send") return "sending";
  return "the disk";
}

Finding about(const UploadBound& bound) {
  double rate = bound.bytes_per_second;
  return {.about = "upload",
          .name = bound.name,
          .text = fmt::format("{}: at most {:.0f} MiB/s ({:.1f} Gbit/s), bound by {}", bound.what,
                              rate / mib_bytes, rate * 8 / 1e9, words_of(bound.by)),
          .bound_by = bound.by,
          .numbers = {{"bytes_per_second", rate}}};
}

// The rate, or 0 and a finding that says why there is none.
double known(Result<double> rate, const char* name, const char* text, std::vector<Finding>& found) {
  if (rate) {
    found.push_back(measured(name, text, *rate));
    return *rate;
  }
  found.push_back(unknown_finding(name, std::move(rate.error()).at("bench")));
  return 0;
}

MachineRates measure(const std::string& folder, const Clock& clock, std::vector<Finding>& found) {
  auto note = [&](const char* name, const char* text, double rate) {
    found.push_back(measured(name, text, rate));
    return rate;
  };
  MachineRates rates{.cores = read_machine().cores_usable};
  rates.disk = known(disk_rate(folder, clock), "disk", "this folder is read", found);
  rates.sha256_one = note("sha256", "a core, SHA-256 of one file", sha256_rate(clock));
  rates.sha256_lanes =
      note("sha256_lanes", "a core, SHA-256 of many files", sha256_lanes_rate(clock));
  rates.crc64 = note("crc64", "a core, CRC64-NVME", crc64_rate(clock));
  double aes128 =
      note("tls_aes128", "a core, TLS with AES-128-GCM", seal_rate(clock, SealKey::aes128));
  double aes256 =
      note("tls_aes256", "a core, TLS with AES-256-GCM", seal_rate(clock, SealKey::aes256));
  rates.seal = std::min(aes128, aes256);
  rates.send = known(send_rate(clock), "send", "a core, sending over loopback", found);
  return rates;
}

}  // namespace

std::vector<UploadBound> bounds_of(const MachineRates& rates) {
  std::vector<UploadBound> bounds;
  for (bool tls : {true, false}) add_bounds(rates, tls, bounds);
  return bounds;
}

std::vector<Finding> bench_machine(const std::string& folder, const Clock& clock) {
  std::vector<Finding> found;
  MachineRates rates = measure(folder, clock, found);
  found.insert(found.begin(), {.about = "machine",
                               .name = "cores",
                               .text = fmt::format("{} usable cores", rates.cores),
                               .numbers = {{"cores_usable", rates.cores}}});
  for (const UploadBound& bound : bounds_of(rates)) found.push_back(about(bound));
  return found;
}

}  // namespace headrace
