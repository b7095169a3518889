// hmac_test.cc: the vectors of RFC 4231, and every length of a key against OpenSSL.
#include "io/digest/hmac.h"

#include <doctest/doctest.h>
#include <openssl/hmac.h>

#include "tests/support/random_bytes.h"

namespace headrace {

TEST_CASE("HMAC-SHA-256: vectors of RFC 4231") {
  CHECK(hmac_sha256(std::string(20, '\x0b'), "Hi There").hex() ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hmac_sha256("Jefe", "what do ya want for nothing?").hex() ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hmac_sha256(std::string(20, '\xaa'), std::string(50, '\xdd')).hex() ==
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  CHECK(hmac_sha256(std::string(131, '\xaa'),
                    "Test Using Larger Than Block-Size Key - "
                    "Hash Key First")
            .hex() == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("HMAC-SHA-256: keys and messages of every length, as OpenSSL makes them") {
  const std::string key = random_bytes(1, 200);
  const std::string message = random_bytes(2, 400);
  for (std::size_t size = 0; size <= key.size(); ++size) {
    std::array<std::byte, 32> expected{};
    unsigned expected_size = 0;
    REQUIRE(HMAC(EVP_sha256(), key.data(), static_cast<int>(size),
                 reinterpret_cast<const unsigned char*>(message.data()), 2 * size,
                 reinterpret_cast<unsigned char*>(expected.data()), &expected_size) != nullptr);
    CHECK(hmac_sha256(std::string_view(key).substr(0, size),
                      std::string_view(message).substr(0, 2 * size))
              .hex() == to_hex(expected));
  }
}

}  // namespace headrace
