#include "tools/headrace/sizes.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace headrace {
namespace {

// The factor of a unit, 0 if there is no such unit.
std::uint64_t factor_of(std::string_view unit) {
  if (unit.empty() || unit == "B" || unit == "b") return 1;
  constexpr std::string_view letters = "KMGT";
  const char letter = unit[0] == 'k' ? 'K' : unit[0];
  const std::size_t power = letters.find(letter);
  if (power == letters.npos) return 0;
  const std::string_view rest = unit.substr(1);
  const std::uint64_t base = rest == "B" ? 1000 : 1024;
  if (!rest.empty() && rest != "B" && rest != "iB") return 0;
  std::uint64_t factor = 1;
  for (std::size_t i = 0; i <= power; ++i) factor *= base;
  return factor;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const std::uint64_t factor = factor_of(unit);
  if (factor == 0 || number > ~std::uint64_t{0} / factor) return std::nullopt;
  return number * factor;
}

std::string size_text(double bytes) {
  constexpr std::array<std::string_view, 5> units = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  if (unit == 0 || bytes >= 99.95) return fmt::format("{:.0f} {}", bytes, units[unit]);
  return fmt::format("{:.1f} {}", bytes, units[unit]);
}

std::string duration_text(double seconds) {
  if (seconds < 100) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

std::string count_text(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace headrace
