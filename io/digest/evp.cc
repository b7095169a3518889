#include "io/digest/evp.h"

#include <openssl/evp.h>

#include "io/check.h"

namespace headrace {
namespace {

const EVP_MD& fetch(const char* name) {
  // Never freed: digests may outlive every orderly end of the process.
  const EVP_MD* algorithm = EVP_MD_fetch(nullptr, name, nullptr);
  CHECK(algorithm != nullptr);
  return *algorithm;
}

}  // namespace

const EVP_MD& sha1_algorithm() {
  static const EVP_MD& algorithm = fetch("SHA1");
  return algorithm;
}

EvpContext::EvpContext(const EVP_MD& algorithm)
    : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  restart();
}

EvpContext::~EvpContext() { EVP_MD_CTX_free(context_); }

void EvpContext::update(std::span<const std::byte> bytes) {
  CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

DigestValue EvpContext::finish() {
  DigestValue value;
  unsigned size = 0;
  CHECK(EVP_MD_get_size(&algorithm_) <= static_cast<int>(digest_size_max));
  CHECK(EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(value.bytes.data()), &size) ==
        1);
  value.size = size;
  restart();
  return value;
}

void EvpContext::restart() { CHECK(EVP_DigestInit_ex(context_, &algorithm_, nullptr) == 1); }

}  // namespace headrace
