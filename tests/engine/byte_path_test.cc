// Between read and send no byte is copied: seen at the seam, where every read says where its bytes
// went and every send from where its bytes come.
#include "tests/engine/byte_path.h"

#include <map>

namespace headrace {
namespace {

// Passes everything on, and notes which bytes of the file each send takes, by their address.
class WatchingBackend final : public Backend {
 public:
  explicit WatchingBackend(std::unique_ptr<Backend> ring) : ring_(std::move(ring)) {}
  struct Range {
    std::uint64_t offset;
    std::uint64_t size;
  };
  std::uint64_t read = 0;
  std::vector<Range> sent_in_place;
  std::uint64_t sent_from_elsewhere = 0;

  void submit(Pending& pending) override {
    const Operation& operation = pending.operation;
    if (operation.kind == Operation::Kind::read) {
      // Not the answer to a read past the end, which fetches nothing.
      read += operation.size;
      places_[operation.data] = {operation.offset, operation.size};
    } else if (operation.kind == Operation::Kind::send) {
      note_send(operation);
    }
    ring_->submit(pending);
  }
  void cancel(Pending& pending) override { ring_->cancel(pending); }
  void wait(Time until, std::vector<Completion>& completions) override {
    ring_->wait(until, completions);
  }
  void wake() override { ring_->wake(); }
  Time now() override { return ring_->now(); }
  std::int64_t wall_seconds() override { return ring_->wall_seconds(); }
  int make_socket(int family) override { return ring_->make_socket(family); }
  int listen(SocketAddress& address) override { return ring_->listen(address); }
  std::int64_t unacknowledged(int socket) override { return ring_->unacknowledged(socket); }
  Duration round_trip(int socket) override { return ring_->round_trip(socket); }
  void pace(int socket, std::uint64_t rate) override { ring_->pace(socket, rate); }

 private:
  void note_send(const Operation& operation) {
    auto after = places_.upper_bound(operation.data);
    if (after == places_.begin()) {
      sent_from_elsewhere += operation.size;
      return;
    }
    const auto& [begin, range] = *std::prev(after);
    auto skip = static_cast<std::uint64_t>(operation.data - begin);
    if (skip + operation.size > range.size) {
      sent_from_elsewhere += operation.size;
    } else {
      sent_in_place.push_back({range.offset + skip, operation.size});
    }
  }

  const std::unique_ptr<Backend> ring_;
  std::map<const std::byte*, Range> places_;  // by where the bytes were read to, the last time
};

constexpr std::size_t blocks = 40;
// The heads of one request and one answer.
constexpr std::uint64_t heads_size_max = 2000;

void check_nothing_copied(bool keeps, int times_read) {
  WatchingBackend* watch = nullptr;
  BlockFile file(blocks);
  BytePath path([&](std::unique_ptr<Backend> ring) {
    auto watching = std::make_unique<WatchingBackend>(std::move(ring));
    watch = watching.get();
    return watching;
  });
  path.run(path.upload(*path.loop.scope, file, keeps));
  CHECK(path.handler.bytes == file.size);
  CHECK(watch->read == file.size * static_cast<std::uint64_t>(times_read));
  // All of the file, in its order, each byte from where the kernel had put it.
  std::uint64_t at = 0;
  for (const WatchingBackend::Range& range : watch->sent_in_place) {
    CHECK(range.offset == at);
    at += range.size;
  }
  CHECK(at == file.size);
  CHECK(watch->sent_from_elsewhere > 0);
  CHECK(watch->sent_from_elsewhere < heads_size_max);
}

}  // namespace

TEST_CASE("what was kept is read once and sent from where it was read to") {
  check_nothing_copied(true, 1);
}

TEST_CASE("what was not kept is read again and sent from where it was read to") {
  check_nothing_copied(false, 2);
}

}  // namespace headrace
