// ledger.h: Ledger, what is known of each file, and what the other side has confirmed of its
// object.
//
// The scheduler writes down each digest, each confirmed part and each stored object, and asks here
// before it has anything read or sent again; what it knows besides (who has which part, what waits)
// dies with the run. In memory, as here, a ledger lives as long as one upload; one that is kept
// makes the next run go on where this one ended. Called under the scheduler's lock, from any
// thread: it must not block, so one that writes to a disk does that elsewhere.
//
// A file is known by its name and identity: one that changed is another. Parts belong to an upload
// under the name that the other side gave it, and to the sizes of its parts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/digest/digest.h"
#include "io/operation.h"

namespace headrace {

// A digest's algorithm is told by its size: SHA-1 and SHA-256 are the two that name content.
struct KnownFile {
  std::string name;  // where its bytes are read from
  FileIdentity identity;
  std::size_t digest_size = 0;
};

struct KnownUpload {
  DigestValue oid;
  std::string name;  // empty: it has none, and is never the same again
  std::uint32_t part_count = 0;
};

class Ledger {
 public:
  virtual ~Ledger() = default;

  virtual std::optional<DigestValue> digest_of(const KnownFile& file) const = 0;
  // The tags of the parts that were confirmed, by number from 0; nothing: that one was not.
  virtual std::vector<std::optional<std::string>> tags_of(const KnownUpload& upload) const = 0;

  virtual void hashed(const KnownFile& file, const DigestValue& digest) = 0;
  virtual void confirmed(const KnownUpload& upload, std::uint32_t part, std::string tag) = 0;
  // The object is there whole, or its upload is gone: what was known of its parts counts no more.
  virtual void parts_over(const DigestValue& oid) = 0;
};

// Of one run: it keeps what may be asked for twice within it. That is the parts of an upload that
// is renewed; a file is hashed once a run, so its digest is not kept.
class MemoryLedger final : public Ledger {
 public:
  std::optional<DigestValue> digest_of(const KnownFile&) const override { return std::nullopt; }
  std::vector<std::optional<std::string>> tags_of(const KnownUpload& upload) const override;
  void hashed(const KnownFile&, const DigestValue&) override {}
  void confirmed(const KnownUpload& upload, std::uint32_t part, std::string tag) override;
  void parts_over(const DigestValue& oid) override { parts_.erase(oid.bytes); }

 private:
  struct Parts {
    std::string upload;
    std::vector<std::optional<std::string>> tags;
  };
  std::map<std::array<std::byte, digest_size_max>, Parts> parts_;  // by oid, of its last upload
};

}  // namespace headrace
