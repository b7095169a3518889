#include "net/watchdog.h"

#include <algorithm>

#include "io/worker.h"

namespace headrace {

Watchdog::Watchdog(Scope& scope, Stream& stream, const Deadlines& deadlines)
    : scope_(scope), stream_(stream), deadlines_(deadlines) {
  enter(Phase::send);
}

Watchdog::~Watchdog() { scope_.worker().disarm(*this); }

void Watchdog::enter(Phase phase) {
  phase_ = phase;
  progress();
  rearm();
}

void Watchdog::progress() { last_progress_ = scope_.worker().now(); }

// Looks several times within a limit, as confirmed bytes don't call by themselves.
void Watchdog::rearm() {
  Duration look = std::clamp<Duration>(limit() / 4, 1ms, 5s);
  scope_.worker().arm(*this, std::min(last_progress_ + limit(), scope_.worker().now() + look));
}

void Watchdog::expired() {
  if (phase_ != Phase::receive) {
    std::int64_t left = stream_.unacknowledged();
    if (left >= 0 && left != unacknowledged_) {
      if (unacknowledged_ >= 0) progress();
      unacknowledged_ = left;
    }
  }
  if (scope_.worker().now() - last_progress_ < limit()) return rearm();
  fired_ = true;
  scope_.cancel();
}

}  // namespace headrace
