#include "net/record_buffer.h"

#include <string>

#include <doctest/doctest.h>

#include "tests/support/random_bytes.h"

namespace headrace {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uintptr_t place(std::span<const std::byte> bytes) {
  return reinterpret_cast<std::uintptr_t>(bytes.data());
}

}  // namespace

TEST_CASE("what was sealed is sent in order, also what came meanwhile") {
  RecordBuffer buffer;
  CHECK(buffer.empty());
  std::string one = random_bytes(1, 16'406);
  std::string two = random_bytes(2, 24);
  CHECK(buffer.append(bytes_of(one)) == one.size());
  CHECK(buffer.append(bytes_of(two)) == two.size());
  CHECK(text_of(buffer.unsent()) == one + two);
  buffer.sent(one.size());
  CHECK(text_of(buffer.unsent()) == two);
  CHECK(buffer.append(bytes_of(one)) == one.size());
  CHECK(text_of(buffer.unsent()) == two + one);
  buffer.sent(two.size() + one.size());
  CHECK(buffer.empty());
}

TEST_CASE("no more is taken than there is room for, and that is a send's records") {
  RecordBuffer buffer;
  std::string record = random_bytes(1, RecordSealer::plain_size_max + 256);
  for (int i = 0; i < 16; ++i) CHECK(buffer.append(bytes_of(record)) == record.size());
  std::size_t rest = buffer.append(bytes_of(record));
  CHECK(rest >= 256);
  CHECK(rest < record.size());
  CHECK(buffer.append(bytes_of(record)) == 0);
  CHECK(text_of(buffer.unsent().last(rest)) == record.substr(0, rest));
}

TEST_CASE("the memory that came back last is taken first") {
  std::string record = random_bytes(1, 100);
  RecordBuffer one;
  RecordBuffer two;
  one.append(bytes_of(record));
  std::uintptr_t first = place(one.unsent());
  two.append(bytes_of(record));
  CHECK(place(two.unsent()) != first);
  one.sent(record.size());
  RecordBuffer three;
  three.append(bytes_of(record));
  CHECK(place(three.unsent()) == first);
}

TEST_CASE("records are copied to where that is fast") {
  // Wherever OpenSSL makes them, and whatever its version of TLS adds.
  std::string memory = random_bytes(1, 2 * 4096 + RecordSealer::plain_size_max + 64);
  for (std::size_t at = 0; at < 4096; at += 8) {
    for (std::size_t added : {22, 29, 69}) {
      RecordBuffer buffer;
      auto record = bytes_of(memory).subspan(at, RecordSealer::plain_size_max + added);
      for (int i = 0; i < 16; ++i) {
        buffer.append(record);
        CHECK(!copies_slowly(place(buffer.unsent().last(record.size())), place(record)));
      }
    }
  }
}

}  // namespace headrace
