// tap.h: Tap, what listens to a read pass: a digest now, a chunker later.
// feed() is awaited, so that a worker may pair the streams of several passes; bytes come in order.
#pragma once

#include <optional>

#include "io/digest/lanes.h"
#include "io/scope.h"
#include "io/slice.h"

namespace headrace {

class Tap {
 public:
  virtual ~Tap() = default;
  virtual Task<void> feed(Scope& scope, const Slice& slice) = 0;
};

// Feeds a digest: in the lanes of its worker if it is made of blocks, else by itself.
class DigestTap final : public Tap {
 public:
  explicit DigestTap(Digest& digest) : digest_(digest) {}
  DigestTap(Digest& digest, DigestLanes& lanes)
      : digest_(digest), block_digest_(dynamic_cast<BlockDigest*>(&digest)) {
    if (block_digest_) member_.emplace(lanes);
  }
  Task<void> feed(Scope&, const Slice& slice) override {
    if (member_) {
      co_await member_->update(*block_digest_, slice.bytes());
    } else {
      digest_.update(slice.bytes());
    }
  }

 private:
  Digest& digest_;
  BlockDigest* block_digest_ = nullptr;
  std::optional<DigestLanes::Member> member_;
};

}  // namespace headrace
