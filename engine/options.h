// options.h: how the engine uses the machine. 0 means: decide by the machine.
#pragma once

#include <cstdint>
#include <string>

#include "net/proxy.h"
#include "net/tls_context.h"

namespace headrace {

struct EngineOptions {
  std::uint64_t memory_limit_bytes = 0;  // of the arena; 0: min(256 MiB, a quarter of the limit)
  std::uint32_t workers = 0;             // 0: one a usable core
  std::uint32_t connections = 0;         // in flight, all workers together; 0: by the workers
  std::uint64_t rate_limit = 0;          // bytes of content a second; 0: none
  std::uint8_t verbosity = 0;            // 1: what was decided and degraded; 2: every request
  std::string trace_path;                // where a trace is written; empty: none
  TlsSettings tls;
  ProxyRules proxies;  // unless told otherwise, all goes straight
};

}  // namespace headrace
