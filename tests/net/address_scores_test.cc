#include "net/address_scores.h"

#include <doctest/doctest.h>

#include "net/address.h"

namespace headrace {
namespace {

SocketAddress address(int number) {
  return *numeric_address("192.0.2." + std::to_string(number), 443);
}

// The last digits, in order.
std::string order(const AddressScores& scores, Time now, int count = 3) {
  std::vector<SocketAddress> all;
  for (int number = 1; number <= count; ++number) all.push_back(address(number));
  std::string text;
  for (const SocketAddress& each : scores.worth_trying(all, now)) {
    std::string host = text_of(each);
    text += host[host.find(':') - 1];
  }
  return text;
}

constexpr Time start{};

}  // namespace

TEST_CASE("what nobody has tried stays in the resolver's order") {
  CHECK(order(AddressScores(), start) == "123");
}

TEST_CASE("connections go to all addresses by turns") {
  AddressScores scores;
  scores.connected(address(1));
  CHECK(order(scores, start) == "231");
  scores.connected(address(2));
  CHECK(order(scores, start) == "312");
  scores.connected(address(3));
  CHECK(order(scores, start) == "123");
}

TEST_CASE("a dead address is left out for a while, then tried again") {
  AddressScores scores;
  scores.failed(address(1), start);
  CHECK(order(scores, start) == "23");
  CHECK(order(scores, start + AddressScores::rest - 1ns) == "23");
  CHECK(order(scores, start + AddressScores::rest) == "123");
  scores.failed(address(1), start);
  scores.connected(address(1));
  CHECK(order(scores, start) == "231");
}

TEST_CASE("where all are dead, all are tried") {
  AddressScores scores;
  for (int number : {2, 1, 3}) scores.failed(address(number), start);
  CHECK(order(scores, start) == "123");
  CHECK(order(scores, start, 4) == "4");
}

TEST_CASE("addresses that change all the time cost no memory") {
  AddressScores scores;
  for (std::size_t i = 0; i < 3 * AddressScores::addresses_max; ++i) {
    scores.connected(*numeric_address("2001:db8::" + std::to_string(i % 9999), 443));
  }
  scores.failed(address(2), start);
  CHECK(order(scores, start) == "13");
}

}  // namespace headrace
