#include "io/digest/sha1.h"

#include <fmt/format.h>

#include "io/check.h"

namespace headrace {

GitBlobSha1::GitBlobSha1(std::uint64_t size_bytes) : size_bytes_(size_bytes) { begin(); }

void GitBlobSha1::update(std::span<const std::byte> bytes) {
  CHECK(bytes.size() <= left_bytes_);
  left_bytes_ -= bytes.size();
  context_.update(bytes);
}

DigestValue GitBlobSha1::finish() {
  CHECK(left_bytes_ == 0);
  DigestValue value = context_.finish();
  begin();
  return value;
}

void GitBlobSha1::begin() {
  std::array<char, 32> head{};
  char* end = fmt::format_to_n(head.data(), head.size(), "blob {}", size_bytes_).out;
  // The zero byte that ends git's head is the one the array was filled with.
  context_.update(std::as_bytes(std::span(head.data(), end + 1)));
  left_bytes_ = size_bytes_;
}

}  // namespace headrace
