#include "engine/iso_time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string>

namespace headrace {

std::optional<std::int64_t> parse_iso_time(std::string_view text) {
  // 2026-01-31T12:00:00, and then a fraction, Z or an offset.
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd";
  constexpr std::array<std::size_t, 6> places = {0, 5, 8, 11, 14, 17};
  if (text.size() < shape.size()) return std::nullopt;
  for (std::size_t at = 0; at < shape.size(); ++at) {
    const bool digit = text[at] >= '0' && text[at] <= '9';
    const bool as_wanted = shape[at] == 'd'   ? digit
                           : shape[at] == 'T' ? text[at] == 'T' || text[at] == ' '
                                              : text[at] == shape[at];
    if (!as_wanted) return std::nullopt;
  }
  std::array<int, 6> part{};
  for (std::size_t i = 0; i < part.size(); ++i) {
    std::from_chars(text.data() + places[i], text.data() + places[i] + (i == 0 ? 4 : 2), part[i]);
  }
  const std::chrono::year_month_day day{std::chrono::year(part[0]),
                                        std::chrono::month(static_cast<unsigned>(part[1])),
                                        std::chrono::day(static_cast<unsigned>(part[2]))};
  if (!day.ok() || part[3] > 23 || part[4] > 59 || part[5] > 60) return std::nullopt;
  std::int64_t seconds = std::chrono::sys_days(day).time_since_epoch().count() * 86400LL +
                         part[3] * 3600 + part[4] * 60 + part[5];
  text.remove_prefix(shape.size());
  if (text.starts_with('.')) {
    text.remove_prefix(std::min(text.find_first_not_of("0123456789", 1), text.size()));
  }
  if (text.empty() || text == "Z") return seconds;
  // +HH:MM, +HHMM
  std::string digits(text.substr(1));
  std::erase(digits, ':');
  int offset = 0;
  const auto [end, errc] = std::from_chars(digits.data(), digits.data() + digits.size(), offset);
  if ((text[0] != '+' && text[0] != '-') || digits.size() != 4 || errc != std::errc() ||
      end != digits.data() + 4 || digits[0] == '-') {
    return std::nullopt;
  }
  const std::int64_t shift = (offset / 100) * 3600LL + (offset % 100) * 60LL;
  return seconds + (text[0] == '+' ? -shift : shift);
}

}  // namespace headrace
