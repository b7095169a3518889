#include "net/pool.h"

#include <algorithm>

namespace headrace {

std::unique_ptr<Connection> ConnectionPool::take(std::string_view key, Time now) {
  for (auto one = idle_.rbegin(); one != idle_.rend(); ++one) {
    if (now - (*one)->idle_since > limits_.age_max) break;
    if ((*one)->key != key) continue;
    std::unique_ptr<Connection> connection = std::move(*one);
    idle_.erase(std::next(one).base());
    connection->reused = true;
    return connection;
  }
  return nullptr;
}

void ConnectionPool::put(std::unique_ptr<Connection> connection, Time now) {
  connection->idle_since = now;
  idle_.push_back(std::move(connection));
}

std::unique_ptr<Connection> ConnectionPool::take_surplus(Time now, std::size_t idle_max) {
  if (idle_.empty()) return nullptr;
  bool old = now - idle_.front()->idle_since > limits_.age_max;
  return old || idle_.size() > std::min(idle_max, limits_.idle_max) ? take_any() : nullptr;
}

std::unique_ptr<Connection> ConnectionPool::take_any() {
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Connection> connection = std::move(idle_.front());
  idle_.erase(idle_.begin());
  return connection;
}

}  // namespace headrace
