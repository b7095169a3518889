// sha1.h: the name that git gives to a file's content: SHA-1 over "blob SIZE", a zero byte and the
// bytes. The size stands before the bytes, so it must be known, and it is held to: a message of
// another length breaks an invariant, for its name would be of nothing. Contract: digest.h.
#pragma once

#include "io/digest/evp.h"

namespace headrace {

class GitBlobSha1 final : public Digest {
 public:
  explicit GitBlobSha1(std::uint64_t size_bytes);
  using Digest::update;
  void update(std::span<const std::byte> bytes) override;
  // The value; the next message has the same size.
  DigestValue finish() override;

 private:
  void begin();

  EvpContext context_{sha1_algorithm()};
  std::uint64_t size_bytes_;
  std::uint64_t left_bytes_ = 0;
};

inline DigestValue git_blob_sha1_of(std::string_view text) {
  GitBlobSha1 digest(text.size());
  digest.update(text);
  return digest.finish();
}

}  // namespace headrace
