// pool.h: ConnectionPool, the idle connections of one worker, by the way they lead (route.h).
//
// The one used last is taken first, as it is the least likely to have been closed meanwhile.
// Closing takes time, so the pool only hands out what should be closed. Empty before destruction.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "net/exchange.h"

namespace headrace {

class ConnectionPool {
 public:
  struct Limits {
    // Load balancers close idle connections after a minute or more; a shorter life here makes it
    // rare that a request meets a closing connection.
    Duration age_max = 30s;
    std::size_t idle_max = 32;
  };
  explicit ConnectionPool(const Limits& limits) : limits_(limits) {}
  ~ConnectionPool() { CHECK(idle_.empty()); }

  // An idle connection that leads there, or null.
  std::unique_ptr<Connection> take(std::string_view key, Time now);
  void put(std::unique_ptr<Connection> connection, Time now);
  // One that is too old or too many, or null. So many may be idle now, if that is less than ever.
  std::unique_ptr<Connection> take_surplus(Time now, std::size_t idle_max = SIZE_MAX);
  std::unique_ptr<Connection> take_any();
  std::size_t size() const { return idle_.size(); }

 private:
  const Limits limits_;
  std::vector<std::unique_ptr<Connection>> idle_;  // the oldest first
};

}  // namespace headrace
