#include "net/pool.h"

#include <doctest/doctest.h>

namespace headrace {
namespace {

std::unique_ptr<Connection> connection_to(std::string_view key) {
  auto connection = std::make_unique<Connection>();
  connection->key = key;
  return connection;
}

void empty(ConnectionPool& pool) {
  while (pool.take_any()) {
  }
}

constexpr Time start{};

}  // namespace

TEST_CASE("the one used last comes first, and only from its own way") {
  ConnectionPool pool({});
  std::unique_ptr<Connection> first = connection_to("http://a");
  std::unique_ptr<Connection> last = connection_to("http://a");
  Connection* expected = last.get();
  pool.put(std::move(first), start);
  pool.put(std::move(last), start + 1s);
  pool.put(connection_to("http://b"), start + 2s);
  CHECK(!pool.take("http://a:81", start + 2s));
  std::unique_ptr<Connection> taken = pool.take("http://a", start + 2s);
  CHECK(taken.get() == expected);
  CHECK(taken->reused);
  CHECK(pool.size() == 2);
  empty(pool);
}

TEST_CASE("too old or too many are handed out to be closed, the oldest first") {
  ConnectionPool pool({.age_max = 10s, .idle_max = 2});
  pool.put(connection_to("http://a"), start);
  pool.put(connection_to("http://b"), start + 8s);
  CHECK(!pool.take_surplus(start + 10s));
  CHECK(!pool.take("http://a", start + 11s));
  CHECK(pool.take_surplus(start + 11s)->key == "http://a");
  CHECK(!pool.take_surplus(start + 11s));
  pool.put(connection_to("http://c"), start + 11s);
  pool.put(connection_to("http://d"), start + 11s);
  CHECK(pool.take_surplus(start + 11s)->key == "http://b");
  CHECK(!pool.take_surplus(start + 11s));
  CHECK(!pool.take_surplus(start + 11s, 3));  // never more than the pool takes
  CHECK(pool.take_surplus(start + 11s, 1)->key == "http://c");
  CHECK(!pool.take_surplus(start + 11s, 1));
  empty(pool);
}

}  // namespace headrace
