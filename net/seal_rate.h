// seal_rate.h: how fast one core seals the records of TLS, in bytes a second.
//
// With AES in counter mode, as TLS 1.3 does it: records of 16 KiB, a nonce for each, its tag behind
// it. A sixth of a second; any thread. 0 where the library has no such cipher.
#pragma once

#include "io/rates.h"

namespace headrace {

enum class SealKey : std::uint8_t { aes128, aes256 };

double seal_rate(const Clock& clock, SealKey key);

}  // namespace headrace
