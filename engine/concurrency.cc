#include "engine/concurrency.h"

#include <algorithm>
#include <utility>

namespace headrace {

std::string_view reason_text(ConcurrencyDecision::Reason reason) {
  switch (reason) {
    case ConcurrencyDecision::Reason::grow:
      return "more may bring more";
    case ConcurrencyDecision::Reason::no_gain:
      return "more brought no more; fewer may do";
    case ConcurrencyDecision::Reason::shrink:
      return "fewer brought as much; still fewer may do";
    case ConcurrencyDecision::Reason::loss:
      return "fewer brought less";
    case ConcurrencyDecision::Reason::queued:
      return "round trips have grown; fewer may do";
    case ConcurrencyDecision::Reason::refused:
      return "the server asks for less";
    case ConcurrencyDecision::Reason::enough:
      return "there is nothing beyond";
  }
  return "";
}

std::optional<ConcurrencyDecision> ConcurrencyController::look(Time now, const Seen& seen) {
  bool asked_for_less = seen.refusals > refusals_ && now >= deaf_until_;
  refusals_ = seen.refusals;
  if (asked_for_less) return refused(now);
  std::optional<Measured> measured = measure(now, seen);
  if (!measured) return std::nullopt;
  return judge(now, *measured);
}

std::optional<ConcurrencyController::Measured> ConcurrencyController::measure(Time now,
                                                                              const Seen& seen) {
  bool full = seen.running == permits_ && seen.more_waits;
  if (!full) {
    full_since_.reset();
    return std::nullopt;
  }
  if (!full_since_) full_since_ = now;
  if (now - *full_since_ <= settle_time) {
    begin_measure(now, seen);
    return std::nullopt;
  }
  if (seen.round_trip > Duration::zero()) {
    bool first = round_trip_ == Duration::zero();
    round_trip_ = first ? seen.round_trip : std::min(round_trip_, seen.round_trip);
  }
  if (now - measured_from_ < measure_time) return std::nullopt;
  Measured measured{
      .goodput = static_cast<double>(seen.bytes - bytes_from_) / seconds_of(now - measured_from_),
      .round_trip = round_trip_};
  begin_measure(now, seen);
  return measured;
}

void ConcurrencyController::begin_measure(Time now, const Seen& seen) {
  measured_from_ = now;
  bytes_from_ = seen.bytes;
  round_trip_ = Duration::zero();
}

std::optional<ConcurrencyDecision> ConcurrencyController::judge(Time now,
                                                                const Measured& measured) {
  if (stage_ == Stage::shrinking) return judge_shrinking(now, measured);
  if (stage_ == Stage::resting) {
    if (now < rest_until_) return judge_rest(measured);
    stage_ = Stage::growing;
    good_permits_ = 0;
  }
  return judge_growth(now, measured);
}

std::optional<ConcurrencyDecision> ConcurrencyController::judge_growth(Time now,
                                                                       const Measured& measured) {
  if (good_permits_ > 0 && (queues(measured) || !gained(measured))) {
    stage_ = Stage::shrinking;
    Reason reason = queues(measured) ? Reason::queued : Reason::no_gain;
    std::uint32_t tried = std::exchange(permits_, good_permits_);
    ConcurrencyDecision decision = change(fewer(), reason, measured.goodput);
    decision.from = tried;
    return decision;
  }
  good_permits_ = permits_;
  good_ = measured;
  if (more() == permits_) {
    rest(now);
    return change(permits_, Reason::enough, measured.goodput);
  }
  return change(more(), Reason::grow, measured.goodput);
}

bool ConcurrencyController::gained(const Measured& measured) const {
  double added = static_cast<double>(permits_) / good_permits_ - 1;
  return measured.goodput >= good_.goodput * (1 + gain_share * added);
}

bool ConcurrencyController::queues(const Measured& measured) const {
  if (measured.round_trip == Duration::zero() || good_.round_trip == Duration::zero()) return false;
  double grown = seconds_of(measured.round_trip - good_.round_trip);
  return grown > std::max(queue_share * seconds_of(good_.round_trip), seconds_of(queue_min));
}

// What was best stays the measure, or each step could lose a little.
std::optional<ConcurrencyDecision> ConcurrencyController::judge_shrinking(
    Time now, const Measured& measured) {
  if (measured.goodput < good_.goodput * keep_share) {
    if (!std::exchange(lost_once_, true)) return std::nullopt;
    rest(now);
    return change(good_permits_, Reason::loss, measured.goodput);
  }
  good_permits_ = permits_;
  good_ = {.goodput = std::max(good_.goodput, measured.goodput), .round_trip = measured.round_trip};
  if (fewer() == permits_) {
    rest(now);
    return change(permits_, Reason::enough, measured.goodput);
  }
  return change(fewer(), Reason::shrink, measured.goodput);
}

// Twice, as a queue that is there for a moment is nobody's fault.
std::optional<ConcurrencyDecision> ConcurrencyController::judge_rest(const Measured& measured) {
  if (!queues(measured)) {
    queued_once_ = false;
    return std::nullopt;
  }
  if (!std::exchange(queued_once_, true)) return std::nullopt;
  good_permits_ = permits_;
  good_ = measured;
  if (fewer() == permits_) return std::nullopt;
  stage_ = Stage::shrinking;
  return change(fewer(), Reason::queued, measured.goodput);
}

std::optional<ConcurrencyDecision> ConcurrencyController::refused(Time now) {
  rest_time_ = rest_first;
  rest(now);
  deaf_until_ = now + measure_time;
  if (permits_ == 1) return std::nullopt;
  return change(permits_ / 2, Reason::refused, 0);
}

ConcurrencyDecision ConcurrencyController::change(std::uint32_t to, Reason reason, double goodput) {
  ConcurrencyDecision decision{.from = permits_, .to = to, .reason = reason, .goodput = goodput};
  permits_ = to;
  lost_once_ = queued_once_ = false;
  full_since_.reset();
  return decision;
}

void ConcurrencyController::rest(Time now) {
  stage_ = Stage::resting;
  rest_until_ = now + rest_time_;
  rest_time_ = std::min(2 * rest_time_, rest_last);
}

std::uint32_t ConcurrencyController::more() const {
  return std::min(limits_.max, permits_ + (permits_ + 1) / 2);
}

std::uint32_t ConcurrencyController::fewer() const {
  std::uint32_t least = std::min(limits_.min, permits_);
  return std::max(least, permits_ - (permits_ + 2) / 3);
}

}  // namespace headrace
