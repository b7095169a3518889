// seal_rate.h: how fast one core seals the records of TLS, in bytes a second.
//
// By RecordSealer, as a client of TLS 1.3 does it. A sixth of a second; any thread. 0 where the
// library has no such cipher.
#pragma once

#include "io/rates.h"

namespace headrace {

enum class SealKey : std::uint8_t { aes128, aes256 };

double seal_rate(const Clock& clock, SealKey key);

}  // namespace headrace
