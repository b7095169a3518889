// stream.h: Stream, a two-way flow of bytes; PlainStream, the one over a bare socket.
//
// One receive and one send may be under way at a time, not two of a kind (two sends interleave,
// LIMITS section 8). Bytes to be sent lie in the block of `hold`, which keeps them until they are
// released; without a hold they lie in the caller's memory and send() lasts until they are
// released. After an error only close() makes sense. close() is awaited before destruction, and
// what waits on the stream has ended before. Encryption goes behind this interface.
// Fails with: receive_failed, send_failed (by errno), cancelled.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "io/error.h"
#include "io/scope.h"
#include "io/slice.h"

namespace headrace {

class Stream {
 public:
  virtual ~Stream() = default;
  // At least one byte, 0 when the other side has ended.
  virtual Task<Result<std::size_t>> receive(Scope& scope, std::span<std::byte> into) = 0;
  // All of it.
  virtual Task<Status> send(Scope& scope, std::span<const std::byte> bytes, Slice hold) = 0;
  // Never cut short by its scope.
  virtual Task<void> close(Scope& scope) = 0;
  // Bytes sent that the other side's machine has not confirmed; negative where nobody knows.
  virtual std::int64_t unacknowledged() = 0;
  // The address at the other end of the lowest of them; empty where it was not given.
  virtual std::string address() const { return {}; }
  // What the bytes are sealed with, for people; empty: nothing.
  virtual std::string sealed_with() const { return {}; }
  // Of the connection below, as its backend says; 0 where nobody knows.
  virtual Duration round_trip() = 0;
  // From now on; bytes a second, 0: as fast as it goes.
  virtual void pace(std::uint64_t rate) = 0;
};

// What ends an operation whose scope was cancelled.
Error stream_cancelled();

class PlainStream final : public Stream {
 public:
  // Takes the connected socket over.
  PlainStream(Worker& worker, int socket, std::string address = {})
      : worker_(worker), socket_(socket), address_(std::move(address)) {}
  ~PlainStream() override;
  Task<Result<std::size_t>> receive(Scope& scope, std::span<std::byte> into) override;
  Task<Status> send(Scope& scope, std::span<const std::byte> bytes, Slice hold) override;
  Task<void> close(Scope& scope) override;
  std::int64_t unacknowledged() override;
  std::string address() const override { return address_; }
  Duration round_trip() override;
  void pace(std::uint64_t rate) override;

 private:
  Worker& worker_;
  int socket_;
  const std::string address_;
  bool receiving_ = false;
  bool sending_ = false;
};

}  // namespace headrace
