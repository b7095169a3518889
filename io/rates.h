// rates.h: how fast this machine reads, hashes and sends, in bytes a second.
//
// Each blocks for a fraction of a second: it measures. Rates of a core are by the CPU time of the
// thread, so that what else runs here counts little; all cores together may do less, where they
// share a memory bus. What is sent goes over loopback, whose receiving half the sender's core pays
// for as well: a real interface costs less. Any thread; when it is enough says `clock`.
// Fails with: probe_failed.
#pragma once

#include <functional>
#include <string>

#include "io/clock.h"
#include "io/error.h"

namespace headrace {

using Clock = std::function<Time()>;

// Of a step over so many bytes, taken again and again.
double step_rate(const Clock& clock, std::size_t bytes_a_step, const std::function<void()>& step);

// SHA-256 of one file, which is one stream; of many side by side, as an upload of many has them;
// and CRC64-NVME. A core each.
double sha256_rate(const Clock& clock);
double sha256_lanes_rate(const Clock& clock);
double crc64_rate(const Clock& clock);

// Of files in `folder`, from the disk: 64 MiB are written there for a moment, in a file that no
// other program sees.
Result<double> disk_rate(const std::string& folder, const Clock& clock);

// One connection over loopback, by what its sender's core takes.
Result<double> send_rate(const Clock& clock);

}  // namespace headrace
