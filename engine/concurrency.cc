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
  std::optional<double> goodput = measure(now, seen);
  if (!goodput) return std::nullopt;
  return judge(now, *goodput);
}

std::optional<double> ConcurrencyController::measure(Time now, const Seen& seen) {
  bool full = seen.running == permits_ && seen.more_waits;
  if (!full) {
    full_since_.reset();
    return std::nullopt;
  }
  if (!full_since_) full_since_ = now;
  if (now - *full_since_ <= settle_time) {
    measured_from_ = now;
    bytes_from_ = seen.bytes;
    return std::nullopt;
  }
  if (now - measured_from_ < measure_time) return std::nullopt;
  double goodput = static_cast<double>(seen.bytes - bytes_from_) / seconds_of(now - measured_from_);
  measured_from_ = now;
  bytes_from_ = seen.bytes;
  return goodput;
}

std::optional<ConcurrencyDecision> ConcurrencyController::judge(Time now, double goodput) {
  if (stage_ == Stage::shrinking) return judge_shrinking(now, goodput);
  if (stage_ == Stage::resting) {
    if (now < rest_until_) return std::nullopt;
    stage_ = Stage::growing;
    good_permits_ = 0;
  }
  return judge_growth(now, goodput);
}

std::optional<ConcurrencyDecision> ConcurrencyController::judge_growth(Time now, double goodput) {
  if (good_permits_ > 0) {
    double added = static_cast<double>(permits_) / good_permits_ - 1;
    if (goodput < good_goodput_ * (1 + gain_share * added)) {
      stage_ = Stage::shrinking;
      std::uint32_t tried = std::exchange(permits_, good_permits_);
      ConcurrencyDecision decision = change(fewer(), Reason::no_gain, goodput);
      decision.from = tried;
      return decision;
    }
  }
  good_permits_ = permits_;
  good_goodput_ = goodput;
  if (more() == permits_) {
    rest(now);
    return change(permits_, Reason::enough, goodput);
  }
  return change(more(), Reason::grow, goodput);
}

// What was best stays the measure, or each step could lose a little.
std::optional<ConcurrencyDecision> ConcurrencyController::judge_shrinking(Time now,
                                                                          double goodput) {
  if (goodput < good_goodput_ * keep_share) {
    if (!std::exchange(lost_once_, true)) return std::nullopt;
    rest(now);
    return change(good_permits_, Reason::loss, goodput);
  }
  good_permits_ = permits_;
  good_goodput_ = std::max(good_goodput_, goodput);
  if (fewer() == permits_) {
    rest(now);
    return change(permits_, Reason::enough, goodput);
  }
  return change(fewer(), Reason::shrink, goodput);
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
  lost_once_ = false;
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
  return std::max(1u, permits_ - (permits_ + 2) / 3);
}

}  // namespace headrace
