// address_scores.h: AddressScores, which addresses of a host are worth a try. One per worker. Pure.
//
// An address that failed, or that one tried after it overtook, rests for a while: a dead one costs
// a stagger of the dialer now and then, not with every connection. A shorter rest would be felt,
// a longer one would keep a server idle that came back. Of the others the one whose last connection
// is longest ago comes first, so that a host's addresses share the load; among those that have had
// none the resolver's order holds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/clock.h"
#include "io/operation.h"

namespace headrace {

class AddressScores {
 public:
  static constexpr Duration rest = 60s;
  // Storage behind a load balancer changes its addresses all the time; old ones mean nothing.
  static constexpr std::size_t addresses_max = 1024;

  // Those to try, the best first; all of them where all have to rest.
  std::vector<SocketAddress> worth_trying(std::vector<SocketAddress> addresses, Time now) const;
  void connected(const SocketAddress& address);
  void failed(const SocketAddress& address, Time now);

 private:
  struct Score {
    std::uint64_t last_connection = 0;
    Time rests_until{};
  };
  Score score_of(const SocketAddress& address) const;
  Score& entry_of(const SocketAddress& address);

  std::map<std::string, Score> scores_;  // by the address's text
  std::uint64_t connections_ = 0;
};

}  // namespace headrace
