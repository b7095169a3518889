#include "engine/memory_source.h"

#include <algorithm>

#include "io/check.h"

namespace headrace {
namespace {

class MemoryReader final : public Reader {
 public:
  explicit MemoryReader(std::span<const std::byte> bytes)
      : bytes_(bytes), identity_{.size = bytes.size()} {}

  const FileIdentity& identity() const override { return identity_; }
  Task<Result<std::size_t>> read(Scope&, std::uint64_t offset, std::span<std::byte> into) override {
    DCHECK(offset + into.size() <= bytes_.size());
    std::ranges::copy(bytes_.subspan(offset, into.size()), into.begin());
    co_return into.size();
  }
  Task<Status> verify(Scope&) override { co_return Status(); }
  Task<void> close(Scope&) override { co_return; }

 private:
  const std::span<const std::byte> bytes_;
  const FileIdentity identity_;
};

}  // namespace

Task<Result<std::unique_ptr<Reader>>> MemorySource::open(Scope&) const {
  co_return std::make_unique<MemoryReader>(bytes_);
}

// Of a block each, as everywhere, so that progress is seen on slow lines.
Task<Result<Piece>> MemoryBody::next(Scope&) {
  std::size_t size = std::min(block_size_bytes, bytes_.size() - sent_);
  Piece piece{.bytes = bytes_.subspan(sent_, size), .hold = Slice()};
  sent_ += size;
  co_return piece;
}

Status MemoryBody::rewind() {
  sent_ = 0;
  return {};
}

}  // namespace headrace
