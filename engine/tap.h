// tap.h: Tap, what listens to a read pass: a digest now, a chunker later.
// feed() is awaited, so that a worker may pair the streams of several passes; bytes come in order.
#pragma once

#include "io/digest/digest.h"
#include "io/scope.h"
#include "io/slice.h"

namespace headrace {

class Tap {
 public:
  virtual ~Tap() = default;
  virtual Task<void> feed(Scope& scope, const Slice& slice) = 0;
};

class DigestTap final : public Tap {
 public:
  explicit DigestTap(Digest& digest) : digest_(digest) {}
  Task<void> feed(Scope&, const Slice& slice) override {
    digest_.update(slice.bytes());
    co_return;
  }

 private:
  Digest& digest_;
};

}  // namespace headrace
