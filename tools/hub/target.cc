#include "tools/hub/target.h"

#include <algorithm>

#include "net/headers.h"
#include "tools/hub/encoding.h"

namespace headrace::hub {

Fields parse_form(std::string_view text) {
  Fields fields;
  while (!text.empty()) {
    std::string_view field = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(field.size() + 1, text.size()));
    if (field.empty()) continue;
    std::size_t equals = std::min(field.find('='), field.size());
    std::string_view value = field.substr(std::min(equals + 1, field.size()));
    fields.emplace_back(percent_decode(field.substr(0, equals), true), percent_decode(value, true));
  }
  return fields;
}

Target::Target(std::string_view raw) {
  std::size_t mark = std::min(raw.find('?'), raw.size());
  query = parse_form(raw.substr(std::min(mark + 1, raw.size())));
  std::string_view path = raw.substr(0, mark);
  while (!path.empty()) {
    if (path.front() == '/') {
      path.remove_prefix(1);
      continue;
    }
    std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    segments.push_back(percent_decode(segment, false));
  }
}

std::optional<std::string_view> Target::find(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

bool Target::flag(std::string_view name) const {
  auto value = find(name);
  return value && (*value == "1" || same_name(*value, "true") || same_name(*value, "yes") ||
                   same_name(*value, "on"));
}

std::string Target::rest(std::size_t first) const {
  std::string joined;
  for (std::size_t i = first; i < segments.size(); ++i) {
    if (i > first) joined += '/';
    joined += segments[i];
  }
  return joined;
}

}  // namespace headrace::hub
