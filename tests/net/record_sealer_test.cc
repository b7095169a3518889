// Against the records of RFC 8448, and against OpenSSL's ciphers by hand. That real servers open
// what it seals is in tls_peer_test.cc.
#include "net/record_sealer.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace headrace {
namespace {

std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> bytes;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    bytes.push_back(
        static_cast<std::byte>(std::stoi(std::string(text.substr(at, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string to_hex(std::span<const std::byte> bytes) {
  std::string text;
  for (std::byte byte : bytes) text += fmt::format("{:02x}", std::to_integer<int>(byte));
  return text;
}

std::string record_of(RecordSealer& sealer, RecordSealer::Type type,
                      std::span<const std::byte> bytes) {
  std::vector<std::byte> record(bytes.size() + RecordSealer::added_size);
  REQUIRE(sealer.seal(type, bytes, record.data()));
  return to_hex(record);
}

constexpr std::string_view client_secret =
    "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";

}  // namespace

TEST_CASE("the client's records of RFC 8448, section 3") {
  auto sealer = RecordSealer::make(0x1301, from_hex(client_secret));
  REQUIRE(sealer);
  std::vector<std::byte> counted;
  for (int i = 0; i < 50; ++i) counted.push_back(static_cast<std::byte>(i));
  CHECK(record_of(*sealer, RecordSealer::Type::application_data, counted) ==
        "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20"
        "441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4");
  CHECK(record_of(*sealer, RecordSealer::Type::alert, from_hex("0100")) ==
        "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3");
  CHECK(sealer->records() == 2);
}

TEST_CASE("keys change for good, and the count of records begins anew") {
  auto sealer = RecordSealer::make(0x1301, from_hex(client_secret));
  auto text = from_hex("616263");
  std::string first = record_of(*sealer, RecordSealer::Type::application_data, text);
  CHECK(record_of(*sealer, RecordSealer::Type::application_data, text) != first);
  REQUIRE(sealer->change_keys());
  CHECK(sealer->records() == 0);
  CHECK(record_of(*sealer, RecordSealer::Type::application_data, text) != first);
}

TEST_CASE("suites that are not known, and secrets that do not fit") {
  CHECK(!RecordSealer::make(0x1304, from_hex(client_secret)));
  CHECK(!RecordSealer::make(0xc02f, from_hex(client_secret)));
  CHECK(!RecordSealer::make(0x1302, from_hex(client_secret)));
  CHECK(!RecordSealer::make(0x1301, {}));
  CHECK(RecordSealer::make(0x1303, from_hex(client_secret)));
}

}  // namespace headrace
