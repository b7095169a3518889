// target.h: a request's path and query, taken apart.
// The path is cut at '/' before it is decoded, because a revision such as refs/pr/1 travels as
// one segment (refs%2Fpr%2F1). Pure values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headrace::hub {

using Fields = std::vector<std::pair<std::string, std::string>>;
// "a=1&b=2", decoded; used for queries and for form bodies.
Fields parse_form(std::string_view text);

struct Target {
  std::vector<std::string> segments;  // decoded
  Fields query;

  explicit Target(std::string_view raw);
  std::optional<std::string_view> find(std::string_view name) const;
  bool flag(std::string_view name) const;  // 1, true, yes, on in any case
  // Segments from `first` on, joined by '/'.
  std::string rest(std::size_t first) const;
};

}  // namespace headrace::hub
