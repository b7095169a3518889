// digest_test.cc: published vectors, pieces of every size, and two programs that must agree.
#include <array>
#include <cstdio>
#include <fstream>
#include <string>

#include <doctest/doctest.h>
#include <unistd.h>

#include "io/digest/sha1.h"
#include "io/digest/sha256.h"
#include "io/prng.h"

using namespace headrace;

namespace {

std::string random_bytes(std::uint64_t seed, std::size_t size) {
  Prng prng(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(prng.next());
  return bytes;
}

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
