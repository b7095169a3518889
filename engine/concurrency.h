// concurrency.h: ConcurrencyController, how many parts should be on their way at once. Pure.
//
// It climbs while it pays and comes back when it does not: half as many again as long as goodput
// grows by at least half of what as many connections more would bring on a line that is not full;
// then fewer, by a third each, as long as 95 % of the goodput stay, since what a line does not need
// costs its neighbours. It rests there, and tries more again after 10 s, later after up to a
// minute. More that makes round trips grow by half has filled a queue and won nothing, whatever it
// brought; if they grow while it rests, somebody else needs the line, and it tries with fewer. It
// comes back to two at least: one sends while the other waits for its answer. A refusal (429, 503)
// halves the number at once. A number is judged only while so many parts are on their way and more
// wait (what hashing or the disk holds back says nothing of the line), after half a second to
// settle, over one second; a loss has to show twice, since one second of a noisy line is not worth
// a retreat.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "io/clock.h"

namespace headrace {

struct ConcurrencyLimits {
  std::uint32_t start = 8;
  std::uint32_t min = 2;  // unless refusals ask for less
  std::uint32_t max = 64;
};

struct ConcurrencyDecision {
  enum class Reason : std::uint8_t {
    grow,     // try whether more brings more
    no_gain,  // it did not: try fewer
    shrink,   // fewer brought as much: try fewer still
    loss,     // fewer brought less: back
    queued,   // round trips have grown: try fewer
    refused,  // the other side asked for less
    enough,   // the most there may be, or the fewest: stay
  };
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  Reason reason = Reason::grow;
  double goodput = 0;  // bytes a second with `from`
};

// A short sentence of why, for people.
std::string_view reason_text(ConcurrencyDecision::Reason reason);

class ConcurrencyController {
 public:
  static constexpr Duration look_period = 50ms;
  static constexpr Duration settle_time = 500ms;
  static constexpr Duration measure_time = 1s;
  static constexpr double gain_share = 0.5;
  static constexpr double keep_share = 0.95;
  // Round trips have grown when they are longer by this share and by so much: what a busy machine
  // adds to short ones is no queue of the line.
  static constexpr double queue_share = 0.5;
  static constexpr Duration queue_min = 5ms;
  static constexpr Duration rest_first = 10s;
  static constexpr Duration rest_last = 60s;

  explicit ConcurrencyController(const ConcurrencyLimits& limits)
      : limits_(limits), permits_(limits.start) {}

  struct Seen {
    std::uint64_t bytes = 0;     // that have arrived so far
    std::uint32_t running = 0;   // parts on their way
    bool more_waits = false;     // and one more would go at once
    std::uint64_t refusals = 0;  // so far
    // The shortest of all connections since the look before; 0: nobody knows.
    Duration round_trip = Duration::zero();
  };
  // Called every look_period.
  std::optional<ConcurrencyDecision> look(Time now, const Seen& seen);
  std::uint32_t permits() const { return permits_; }

 private:
  enum class Stage : std::uint8_t { growing, shrinking, resting };
  using Reason = ConcurrencyDecision::Reason;

  // Of a second with the present number.
  struct Measured {
    double goodput = 0;
    Duration round_trip{};  // 0: not known
  };
  // Once enough was seen.
  std::optional<Measured> measure(Time now, const Seen& seen);
  void begin_measure(Time now, const Seen& seen);
  std::optional<ConcurrencyDecision> judge(Time now, const Measured& measured);
  std::optional<ConcurrencyDecision> judge_growth(Time now, const Measured& measured);
  std::optional<ConcurrencyDecision> judge_shrinking(Time now, const Measured& measured);
  std::optional<ConcurrencyDecision> judge_rest(const Measured& measured);
  bool gained(const Measured& measured) const;
  bool queues(const Measured& measured) const;
  std::optional<ConcurrencyDecision> refused(Time now);
  ConcurrencyDecision change(std::uint32_t to, Reason reason, double goodput);
  void rest(Time now);
  std::uint32_t more() const;
  std::uint32_t fewer() const;

  const ConcurrencyLimits limits_;
  std::uint32_t permits_;
  Stage stage_ = Stage::growing;
  std::uint32_t good_permits_ = 0;  // what the present number is compared with; 0: nothing yet
  Measured good_;
  bool lost_once_ = false;
  bool queued_once_ = false;
  Time rest_until_{};
  Duration rest_time_ = rest_first;
  std::uint64_t refusals_ = 0;
  Time deaf_until_{};  // refusals of what was sent before the last one
  std::optional<Time> full_since_;
  Time measured_from_{};
  std::uint64_t bytes_from_ = 0;
  Duration round_trip_{};  // since then
};

}  // namespace headrace
