#include "engine/read_pass.h"

#include <algorithm>

namespace headrace {

Task<Result<FileIdentity>> ReadPass::run(Scope& scope) {
  Result<std::unique_ptr<Reader>> opened = co_await open_listed(scope, source, size);
  if (!opened) co_return fail(std::move(opened.error()));
  Reader& reader = **opened;
  FileIdentity identity = reader.identity();
  Status status = co_await read_all(scope, reader);
  co_await reader.close(scope);
  if (!status) co_return fail(std::move(status.error()));
  co_return identity;
}

Task<Status> ReadPass::read_all(Scope& scope, Reader& reader) {
  Ticket& blocks = keep ? keep->ticket : ticket;
  if (keep) keep->slices.reserve((size + block_size_bytes - 1) / block_size_bytes);
  for (std::uint64_t offset = 0; offset < size;) {
    Slice block = co_await blocks.take(scope);
    if (!block)
      co_return fail(make_error(ErrorClass::cancelled, "cancelled", "told to stop").at("read"));
    std::size_t wanted = std::min<std::uint64_t>(block.size(), size - offset);
    Slice slice = block.sub(0, wanted);
    block = Slice();
    TraceSpan reading(trace, scope.worker(), "read", "read");
    Result<std::size_t> got = co_await reader.read(scope, offset, slice.writable());
    reading.end();
    if (!got) co_return fail(std::move(got.error()));
    TraceSpan digesting(trace, scope.worker(), "digest", "digest");
    for (Tap* tap : taps) co_await tap->feed(scope, slice);
    offset += wanted;
    if (bytes_read) bytes_read->fetch_add(wanted, std::memory_order_relaxed);
    if (keep) keep->slices.push_back(std::move(slice));
  }
  Status same = co_await reader.verify(scope);
  co_return same;
}

Task<Result<std::unique_ptr<Reader>>> open_listed(Scope& scope, const Source& source,
                                                  std::uint64_t size) {
  Result<std::unique_ptr<Reader>> opened = co_await source.open(scope);
  if (!opened || (*opened)->identity().size == size) co_return opened;
  co_await (*opened)->close(scope);
  co_return fail(source_changed(source.name(), "since the folder was listed"));
}

Task<Result<std::unique_ptr<Reader>>> open_unchanged(Scope& scope, const Source& source,
                                                     const FileIdentity& expected) {
  Result<std::unique_ptr<Reader>> opened = co_await source.open(scope);
  if (!opened || (*opened)->identity() == expected) co_return opened;
  co_await (*opened)->close(scope);
  co_return fail(source_changed(source.name(), "after it was read first"));
}

}  // namespace headrace
