// read_pass.h: one pass over a whole source: block by block to its taps, kept or dropped.
//
// Reads into blocks of `ticket` (one is enough) or, if `keep` is given, of keep->ticket, which then
// has room for all of it. The source must have `size` bytes and stay what it is for the whole pass:
// else source_changed. Its identity comes back, for whoever reads it again.
#pragma once

#include <atomic>
#include <span>

#include "engine/scheduler.h"
#include "engine/source.h"
#include "engine/tap.h"
#include "engine/trace.h"

namespace headrace {

struct ReadPass {
  const Source& source;
  std::uint64_t size;
  std::span<Tap* const> taps;
  Ticket& ticket;
  Retained* keep = nullptr;
  std::atomic<std::uint64_t>* bytes_read = nullptr;  // grows as blocks pass
  TraceRow trace{};                                  // of the lane that runs it

  Task<Result<FileIdentity>> run(Scope& scope);

 private:
  Task<Status> read_all(Scope& scope, Reader& reader);
};

// `source` opened and checked to be as large as when it was listed; close() the reader afterwards.
Task<Result<std::unique_ptr<Reader>>> open_listed(Scope& scope, const Source& source,
                                                  std::uint64_t size);
// The same, checked to be what it was when it was looked at.
Task<Result<std::unique_ptr<Reader>>> open_unchanged(Scope& scope, const Source& source,
                                                     const FileIdentity& expected);

}  // namespace headrace
