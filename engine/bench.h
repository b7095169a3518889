// bench.h: how fast this machine reads, hashes, seals and sends, and what of it bounds which
// upload.
//
// bench_machine() measures: it blocks for about two seconds, takes one core, and writes 64 MiB into
// `folder` for a moment. Any thread. What it finds it tells as a diagnosis does: a Finding each
// rate, then one each kind of upload, with its numbers for programs.
// bounds_of() is pure: rates in, bounds out. What bounds is the slowest of the disk and of all
// cores together, which read, hash, seal and send each byte of an upload one after the other; of
// the cores' work the stage that takes most of it is named. One large file is hashed by one core
// before it is sent, since its name is its digest; many overlap. Lines and servers are not
// measured: a slower line is the bottleneck itself.
#pragma once

#include <string>
#include <vector>

#include "engine/doctor.h"

namespace headrace {

// Bytes a second; but for the disk's, of one core.
struct MachineRates {
  int cores = 1;
  double disk = 0;          // 0: not known
  double sha256_one = 0;    // one stream
  double sha256_lanes = 0;  // many side by side
  double crc64 = 0;
  double seal = 0;  // with the slower of the ciphers that servers choose; 0: not known
  double send = 0;  // 0: not known
};

struct UploadBound {
  std::string name;  // stable snake_case
  std::string what;  // in words
  std::string by;    // disk, sha256, crc64, tls or send
  double bytes_per_second = 0;
};
std::vector<UploadBound> bounds_of(const MachineRates& rates);

std::vector<Finding> bench_machine(const std::string& folder, const Clock& clock);

}  // namespace headrace
