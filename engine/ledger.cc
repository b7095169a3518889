#include "engine/ledger.h"

namespace headrace {

std::vector<std::optional<std::string>> MemoryLedger::tags_of(const KnownUpload& upload) const {
  auto found = parts_.find(upload.oid.bytes);
  bool same = found != parts_.end() && found->second.upload == upload.name &&
              found->second.tags.size() == upload.part_count;
  if (same) return found->second.tags;
  return std::vector<std::optional<std::string>>(upload.part_count);
}

void MemoryLedger::confirmed(const KnownUpload& upload, std::uint32_t part, std::string tag) {
  Parts& parts = parts_[upload.oid.bytes];
  if (parts.upload != upload.name || parts.tags.size() != upload.part_count) {
    parts.upload = upload.name;
    parts.tags.assign(upload.part_count, std::nullopt);
  }
  parts.tags[part] = std::move(tag);
}

}  // namespace headrace
