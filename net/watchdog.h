// watchdog.h: Deadlines, the longest that each phase of a request may take, and Watchdog, which
// cancels an exchange that makes no progress.
//
// Progress is a block taken, bytes that came, or a change in what the other side's machine has
// confirmed: a socket holds up to 4 MiB after the last send, which a slow line needs minutes for.
// So it costs one timer an exchange and a clock reading a block, and nothing is awaited.
#pragma once

#include <cstdint>

#include "io/scope.h"
#include "net/stream.h"

namespace headrace {

struct Deadlines {
  Duration resolve = 20s;
  Duration connect = 10s;
  // For a proxy's answer to CONNECT: it resolves and connects meanwhile, as we would.
  Duration tunnel = 30s;
  Duration tls = 10s;  // the handshake
  // From the last byte of the request confirmed to the first of the answer. What the server has to
  // think about before it answers (completion, verify, commit) needs deadline_long.
  Duration first_byte = 60s;
  Duration idle = 60s;          // without any progress, either way
  Duration continue_wait = 1s;  // for 100 after `Expect: 100-continue`; then the body goes anyway
};
inline constexpr Duration deadline_long = 10min;

class Watchdog final : private Timer {
 public:
  enum class Phase : std::uint8_t { send, first_byte, receive };

  // Cancels `scope` when a phase takes too long.
  Watchdog(Scope& scope, Stream& stream, const Deadlines& deadlines);
  ~Watchdog();
  void enter(Phase phase);
  void progress();
  bool fired() const { return fired_; }
  Phase phase() const { return phase_; }
  Duration limit() const {
    return phase_ == Phase::first_byte ? deadlines_.first_byte : deadlines_.idle;
  }

 private:
  void expired() override;
  void rearm();

  Scope& scope_;
  Stream& stream_;
  const Deadlines deadlines_;
  Time last_progress_{};
  std::int64_t unacknowledged_ = -1;
  Phase phase_ = Phase::send;
  bool fired_ = false;
};

}  // namespace headrace
