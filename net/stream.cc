#include "net/stream.h"

#include "io/worker.h"

namespace headrace {

Error stream_cancelled() {
  return make_error(ErrorClass::cancelled, "cancelled", "cancelled while bytes were under way");
}

PlainStream::~PlainStream() { CHECK(socket_ < 0); }

Task<Result<std::size_t>> PlainStream::receive(Scope& scope, std::span<std::byte> into) {
  CHECK(!receiving_ && socket_ >= 0);
  receiving_ = true;
  int got = co_await worker_.receive(scope, socket_, into);
  receiving_ = false;
  if (got == -ECANCELED) co_return fail(stream_cancelled());
  if (got < 0) co_return fail(system_error("receive_failed", "receiving", -got));
  co_return static_cast<std::size_t>(got);
}

Task<Status> PlainStream::send(Scope& scope, std::span<const std::byte> bytes, Slice hold) {
  CHECK(!sending_ && socket_ >= 0);
  sending_ = true;
  int sent = co_await worker_.send(scope, socket_, bytes, std::move(hold));
  sending_ = false;
  if (sent == -ECANCELED) co_return fail(stream_cancelled());
  if (sent < 0) co_return fail(system_error("send_failed", "sending", -sent));
  co_return Status();
}

Task<void> PlainStream::close(Scope& scope) {
  CHECK(!receiving_ && !sending_);
  if (socket_ < 0) co_return;
  int socket = std::exchange(socket_, -1);
  // First shutdown: close alone leaves what is still in the kernel without an end.
  co_await worker_.shutdown(scope, socket);
  co_await worker_.close(scope, socket);
}

std::int64_t PlainStream::unacknowledged() { return worker_.backend().unacknowledged(socket_); }
Duration PlainStream::round_trip() { return worker_.backend().round_trip(socket_); }
void PlainStream::pace(std::uint64_t rate) { worker_.backend().pace(socket_, rate); }

}  // namespace headrace
