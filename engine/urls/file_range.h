// file_range.h: FileRange, a range of a regular file as a source of its own. Contract:
// engine/source.h.
//
// Its identity is the file's, with the range's length for a size: whatever changes the file
// changes it.
#pragma once

#include "engine/source.h"

namespace headrace {

class FileRange final : public Source {
 public:
  FileRange(std::string path, std::uint64_t offset, std::uint64_t length)
      : file_(std::move(path)), offset_(offset), length_(length) {}
  const std::string& name() const override { return file_.name(); }
  Task<Result<std::unique_ptr<Reader>>> open(Scope& scope) const override;

 private:
  const FileSource file_;
  const std::uint64_t offset_;
  const std::uint64_t length_;
};

}  // namespace headrace
