#include "net/exchange.h"

#include <doctest/doctest.h>

#include "tests/support/loop.h"

namespace headrace {
namespace {

constexpr std::size_t limited_size = 100'000;

// Takes all it is given, and answers when that is a whole request.
class TakingStream final : public Stream {
 public:
  explicit TakingStream(std::size_t request_size) : left_(request_size) {}
  std::vector<std::uint64_t> paces;
  std::size_t sends = 0;
  std::function<void()> after_send = [] {};

  Task<Result<std::size_t>> receive(Scope& scope, std::span<std::byte> into) override {
    while (left_ > 0) co_await scope.worker().sleep(scope, 1ms);
    constexpr std::string_view answer = "HTTP/1.1 204 No Content\r\n\r\n";
    std::ranges::copy(std::as_bytes(std::span(answer)), into.begin());
    co_return answer.size();
  }
  Task<Status> send(Scope&, std::span<const std::byte> bytes, Slice) override {
    left_ -= bytes.size();
    ++sends;
    after_send();
    co_return Status();
  }
  Task<void> close(Scope&) override { co_return; }
  std::int64_t unacknowledged() override { return 4711; }
  Duration round_trip() override { return 30ms; }
  void pace(std::uint64_t rate) override { paces.push_back(rate); }

 private:
  std::size_t left_;
};

class LookedAt final : public SendObserver {
 public:
  std::uint64_t bytes = 0;
  Duration round_trip{};
  std::int64_t unacknowledged = 0;
  void body_sent(std::uint64_t all) override { bytes = all; }
  void line(const Line& line) override {
    round_trip = line.round_trip;
    unacknowledged = line.unacknowledged;
  }
};

const std::string limited_head = "PUT / HTTP/1.1\r\n\r\n";

// One exchange over `connection`, whose stream is a TakingStream.
Task<void> put_limited(Scope& scope, Connection& connection, RateLimit& limit, LookedAt& told) {
  Body body(std::string(limited_size, 'x'));
  Exchange exchange(connection, {.head = limited_head,
                                 .body = body,
                                 .host = "here",
                                 .deadlines = {},
                                 .observer = &told,
                                 .rate_limit = &limit});
  exchange.look();
  CHECK(told.round_trip == 30ms);
  CHECK(told.unacknowledged == 4711);
  Result<HttpAnswer> answer = co_await exchange.run(scope);
  CHECK(answer.has_value());
  CHECK(told.bytes == limited_size);
}

struct LimitedLine {
  Connection connection;
  TakingStream* stream;
  LimitedLine() {
    connection.stream = std::make_unique<TakingStream>(limited_head.size() + limited_size);
    stream = static_cast<TakingStream*>(connection.stream.get());
  }
};

}  // namespace

TEST_CASE("without a limit no connection is paced") {
  Loop loop;
  LimitedLine line;
  RateLimit limit;
  LookedAt told;
  loop.run(put_limited(*loop.scope, line.connection, limit, told));
  CHECK(line.stream->sends == 2);  // the head, and a block
  CHECK(line.stream->paces.empty());
}

TEST_CASE("a limited body goes in pieces, and its connection is paced as the limit is then") {
  Loop loop;
  LimitedLine line;
  RateLimit limit;
  limit.set(20'000'000);
  line.stream->after_send = [&] {
    if (line.stream->sends == 2) limit.set(10'000'000);
    if (line.stream->sends == 3) limit.set(0);
  };
  LookedAt told;
  loop.run(put_limited(*loop.scope, line.connection, limit, told));
  CHECK(line.stream->sends == 4);  // the head, 40,000 bytes, 20,000 and the rest
  CHECK(line.stream->paces == std::vector<std::uint64_t>{25'000'000, 12'500'000, 0});
  CHECK(line.connection.paced == 0);
}

TEST_CASE("the kernel is told of the pace") {
  Loop loop;
  Backend& backend = loop.worker->backend();
  int socket = backend.make_socket(AF_INET);
  auto paced = [&] {
    std::uint64_t rate = 0;
    socklen_t size = sizeof rate;
    CHECK(getsockopt(socket, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &size) == 0);
    return rate;
  };
  backend.pace(socket, 25'000'000);
  CHECK(paced() == 25'000'000);
  backend.pace(socket, 0);
  CHECK(paced() == UINT64_MAX);
  auto close = [](Scope& scope, int file) -> Task<void> {
    co_await scope.worker().close(scope, file);
  };
  loop.run(close(*loop.scope, socket));
}

}  // namespace headrace
