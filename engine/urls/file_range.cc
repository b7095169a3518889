#include "engine/urls/file_range.h"

namespace headrace {
namespace {

class RangeReader final : public Reader {
 public:
  RangeReader(std::unique_ptr<Reader> whole, std::uint64_t offset, std::uint64_t length)
      : whole_(std::move(whole)), offset_(offset), identity_(whole_->identity()) {
    identity_.size = length;
  }
  const FileIdentity& identity() const override { return identity_; }
  Task<Result<std::size_t>> read(Scope& scope, std::uint64_t offset,
                                 std::span<std::byte> into) override {
    return whole_->read(scope, offset_ + offset, into);
  }
  Task<Status> verify(Scope& scope) override { return whole_->verify(scope); }
  Task<void> close(Scope& scope) override { return whole_->close(scope); }

 private:
  const std::unique_ptr<Reader> whole_;
  const std::uint64_t offset_;
  FileIdentity identity_;
};

}  // namespace

Task<Result<std::unique_ptr<Reader>>> FileRange::open(Scope& scope) const {
  Result<std::unique_ptr<Reader>> whole = co_await file_.open(scope);
  if (!whole) co_return whole;
  std::uint64_t size = (*whole)->identity().size;
  if (offset_ <= size && length_ <= size - offset_)
    co_return std::make_unique<RangeReader>(std::move(*whole), offset_, length_);
  co_await (*whole)->close(scope);
  co_return fail(source_changed(name(), "since its size was looked at"));
}

}  // namespace headrace
