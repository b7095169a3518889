#include "engine/hub/commit_producer.h"

#include <algorithm>

#include "engine/read_pass.h"

namespace headrace {
namespace {
// Small enough to stay in the cache from base64 to the socket, large enough for few sends.
constexpr std::size_t piece_size_bytes = 128 * 1024;
}  // namespace

Status CommitProducer::rewind() {
  body_.rewind();
  return {};
}

Task<Result<Piece>> CommitProducer::next(Scope& scope) {
  piece_.clear();
  while (piece_.size() < piece_size_bytes && body_.step() != CommitBody::Step::done) {
    if (body_.step() == CommitBody::Step::text) {
      piece_ += body_.take_text();
      continue;
    }
    Status appended = co_await append_content(scope);
    if (!appended) {
      Error error = std::move(appended.error());
      error.stage = "read";
      co_return fail(std::move(error));
    }
  }
  co_return Piece{.bytes = std::as_bytes(std::span(piece_)), .hold = Slice()};
}

Task<Status> CommitProducer::append_content(Scope& scope) {
  const FileRecord& file = *files_[body_.operation()];
  if (!reader_) {
    CHECK(file.identity);  // every file was looked at on its way here
    Result<std::unique_ptr<Reader>> opened =
        co_await open_unchanged(scope, *file.source, *file.identity);
    if (!opened) co_return fail(std::move(opened.error()));
    reader_ = std::move(*opened);
  }
  Slice block = co_await ticket_.take(scope);
  if (!block) co_return fail(make_error(ErrorClass::cancelled, "cancelled", "told to stop"));
  // Whole groups of three bytes, so that base64 carries nothing over.
  std::uint64_t wanted = std::min<std::uint64_t>(piece_size_bytes / 4 * 3, body_.left());
  std::uint64_t offset = body_.offset();
  Slice slice = block.sub(0, wanted);
  Result<std::size_t> got = co_await reader_->read(scope, offset, slice.writable());
  if (!got) co_return fail(std::move(got.error()));
  bool last = body_.left() == wanted;
  Status fed = body_.feed(slice.bytes(), piece_);
  if (!fed) co_return fed;
  if (!last) co_return Status();
  Status closed = co_await close_reader(scope, true);
  co_return closed;
}

Task<Status> CommitProducer::close_reader(Scope& scope, bool verify) {
  Status same;
  if (verify) same = co_await reader_->verify(scope);
  co_await reader_->close(scope);
  reader_.reset();
  co_return same;
}

Task<void> CommitProducer::stop(Scope& scope) {
  if (!reader_) co_return;
  Status closed = co_await close_reader(scope, false);
  static_cast<void>(closed);
}

}  // namespace headrace
