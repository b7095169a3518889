// digest_test.cc: published vectors, pieces of every size, and two programs that must agree.
#include <array>
#include <cstdio>
#include <fstream>
#include <string>

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "io/digest/md5.h"
#include "io/digest/sha1.h"
#include "io/digest/sha256.h"
#include "tests/support/random_bytes.h"

using namespace headrace;

namespace {

// The first word of what a command prints, empty if it fails.
std::string first_word_of(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 256> line{};
  bool read = std::fgets(line.data(), line.size(), pipe) != nullptr;
  int status = pclose(pipe);
  if (!read || status != 0) return "";
  std::string word(line.data());
  return word.substr(0, word.find_first_of(" \n"));
}

std::string openssl_hex(const EVP_MD* algorithm, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value;
  unsigned size = 0;
  REQUIRE(EVP_Digest(text.data(), text.size(), value.data(), &size, algorithm, nullptr) == 1);
  return to_hex(std::as_bytes(std::span(value).first(size)));
}

struct TemporaryFile {
  explicit TemporaryFile(const std::string& bytes) {
    int fd = mkstemp(name.data());
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    close(fd);
  }
  ~TemporaryFile() { unlink(name.c_str()); }
  std::string name = "/tmp/headrace-digest-XXXXXX";
};

}  // namespace

TEST_CASE("SHA-256: vectors of FIPS 180-4") {
  CHECK(sha256_of("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_of("abc").hex() ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex() ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_of(std::string(1000000, 'a')).hex() ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("MD5: the suite of RFC 1321") {
  CHECK(md5_of("").hex() == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(md5_of("a").hex() == "0cc175b9c0f1b6a831c399e269772661");
  CHECK(md5_of("message digest").hex() == "f96b697d7cb7938d525a2f31aaf161d0");
  CHECK(md5_of("1234567890123456789012345678901234567890123456789012345678901234567890123456789"
               "0")
            .hex() == "57edf4a22be3c955ac49da2e2107b67a");
}

TEST_CASE("OpenSSL agrees at every length and alignment") {
  std::string bytes = random_bytes(5, 1100);
  for (std::size_t size = 0; size <= 1000; size += size < 300 ? 1 : 41) {
    CAPTURE(size);
    std::string_view piece = std::string_view(bytes).substr(size % 67, size);
    CHECK(sha256_of(piece).hex() == openssl_hex(EVP_sha256(), piece));
    CHECK(md5_of(piece).hex() == openssl_hex(EVP_md5(), piece));
  }
}

TEST_CASE("OpenSSL agrees on two pieces, wherever they are cut") {
  std::string bytes = random_bytes(6, 300);
  std::string sha256 = openssl_hex(EVP_sha256(), bytes);
  std::string md5 = openssl_hex(EVP_md5(), bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    CAPTURE(cut);
    Sha256 first;
    Md5 second;
    for (BlockDigest* digest :
         {static_cast<BlockDigest*>(&first), static_cast<BlockDigest*>(&second)}) {
      digest->update(std::string_view(bytes).substr(0, cut));
      digest->update(std::string_view(bytes).substr(cut));
    }
    CHECK(first.finish().hex() == sha256);
    CHECK(second.finish().hex() == md5);
  }
}

TEST_CASE("git names the empty blob and a greeting") {
  CHECK(git_blob_sha1_of("").hex() == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  CHECK(git_blob_sha1_of("hello\n").hex() == "ce013625030ba8dba906f756967f9e9ca394464a");
}

TEST_CASE("pieces of any size give the value of the whole") {
  Prng prng(7);
  std::string bytes = random_bytes(3, 100'003);
  Sha256 sha256;
  GitBlobSha1 sha1(bytes.size());
  for (std::string_view rest = bytes; !rest.empty();) {
    std::string_view piece = rest.substr(0, prng.below(5000));
    sha256.update(piece);
    sha1.update(piece);
    rest.remove_prefix(piece.size());
  }
  CHECK(sha256.finish() == sha256_of(bytes));
  CHECK(sha1.finish() == git_blob_sha1_of(bytes));
}

TEST_CASE("finish leads back to the beginning") {
  Sha256 digest;
  digest.update("something else");
  digest.finish();
  digest.update("abc");
  CHECK(digest.finish() == sha256_of("abc"));
  GitBlobSha1 blob(3);
  blob.update("xyz");
  blob.finish();
  blob.update("abc");
  CHECK(blob.finish() == git_blob_sha1_of("abc"));
}

TEST_CASE("sha256sum and git hash-object agree") {
  for (std::size_t size : {0UL, 1UL, 63UL, 64UL, 65UL, 262'144UL, 1'000'001UL}) {
    CAPTURE(size);
    std::string bytes = random_bytes(size + 1, size);
    TemporaryFile file(bytes);
    CHECK(first_word_of("sha256sum " + file.name) == sha256_of(bytes).hex());
    CHECK(first_word_of("git hash-object --no-filters " + file.name) ==
          git_blob_sha1_of(bytes).hex());
  }
}

TEST_CASE("hex there and back") {
  DigestValue value = sha256_of("abc");
  CHECK(from_hex(value.hex()) == value);
  CHECK(from_hex("BA78")->hex() == "ba78");
  CHECK(from_hex("")->size == 0);
  CHECK_FALSE(from_hex("abc").has_value());
  CHECK_FALSE(from_hex("zz").has_value());
  CHECK_FALSE(from_hex(std::string(66, 'a')).has_value());
  CHECK_FALSE(value == git_blob_sha1_of("abc"));
}
