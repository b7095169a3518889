#include "net/address_scores.h"

#include <algorithm>

#include "net/address.h"

namespace headrace {

AddressScores::Score AddressScores::score_of(const SocketAddress& address) const {
  auto found = scores_.find(text_of(address));
  return found == scores_.end() ? Score() : found->second;
}

AddressScores::Score& AddressScores::entry_of(const SocketAddress& address) {
  if (scores_.size() >= addresses_max) scores_.clear();
  return scores_[text_of(address)];
}

std::vector<SocketAddress> AddressScores::worth_trying(std::vector<SocketAddress> addresses,
                                                       Time now) const {
  auto rests = [&](const SocketAddress& address) { return score_of(address).rests_until > now; };
  const bool all_rest = std::ranges::all_of(addresses, rests);
  std::multimap<std::uint64_t, SocketAddress> by_last_connection;  // equals stay in their order
  for (const SocketAddress& address : addresses) {
    if (all_rest || !rests(address)) {
      by_last_connection.emplace(score_of(address).last_connection, address);
    }
  }
  addresses.clear();
  for (const auto& [last, address] : by_last_connection) addresses.push_back(address);
  return addresses;
}

void AddressScores::connected(const SocketAddress& address) {
  Score& score = entry_of(address);
  score.last_connection = ++connections_;
  score.rests_until = {};
}

void AddressScores::failed(const SocketAddress& address, Time now) {
  entry_of(address).rests_until = now + rest;
}

}  // namespace headrace
