// memory_source.h: MemorySource, bytes that lie in memory already, as a source; MemoryBody, the
// same bytes as a body that is sent from where they lie.
//
// They are lent for as long as either lives, and stay what they are. Only who asks the source to
// read them gets a copy.
#pragma once

#include <span>
#include <string>

#include "engine/source.h"

namespace headrace {

class MemorySource final : public Source {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}
  const std::string& name() const override { return name_; }
  Task<Result<std::unique_ptr<Reader>>> open(Scope& scope) const override;

 private:
  const std::span<const std::byte> bytes_;
  const std::string name_ = "memory";
};

class MemoryBody final : public BodyProducer {
 public:
  explicit MemoryBody(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Task<Result<Piece>> next(Scope& scope) override;
  Status rewind() override;

 private:
  const std::span<const std::byte> bytes_;
  std::size_t sent_ = 0;
};

}  // namespace headrace
