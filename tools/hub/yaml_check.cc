#include "tools/hub/yaml_check.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace headrace::hub {
namespace {

std::string_view take_line(std::string_view& text) {
  std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_delimiter(std::string_view line) {
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  return line == "---";
}

// The key of "key: value", or empty.
std::string_view key_of(std::string_view line) {
  char quote = line[0];
  std::size_t start = 0;
  if (quote == '"' || quote == '\'') {
    start = line.find(quote, 1);
    if (start == std::string_view::npos) return {};
  }
  for (std::size_t at = line.find(':', start); at != std::string_view::npos;
       at = line.find(':', at + 1)) {
    if (at + 1 == line.size() || line[at + 1] == ' ' || line[at + 1] == '\t') {
      return line.substr(0, at);
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> check_front_matter(std::string_view readme) {
  std::vector<std::string> problems;
  if (readme.starts_with("\xef\xbb\xbf")) readme.remove_prefix(3);
  if (!is_delimiter(take_line(readme))) return problems;
  std::set<std::string_view> keys;
  bool in_flow = false;  // a top-level value in brackets or quotes that goes on over lines
  for (int number = 2; !readme.empty(); ++number) {
    std::string_view line = take_line(readme);
    if (is_delimiter(line)) return problems;
    std::size_t indent = line.find_first_not_of(" \t");
    if (indent == std::string_view::npos || line[indent] == '#') continue;
    if (line.substr(0, indent).contains('\t')) {
      problems.push_back(fmt::format("line {}: tabs may not indent YAML", number));
      continue;
    }
    if (std::string_view("]}").contains(line[indent])) in_flow = false;
    if (indent > 0 || in_flow || std::string_view("-]}").contains(line[0])) continue;
    std::string_view key = key_of(line);
    if (key.empty()) {
      problems.push_back(fmt::format("line {}: a key needs a colon and a space", number));
      continue;
    }
    if (!keys.insert(key).second) {
      problems.push_back(fmt::format("line {}: the key '{}' is given twice", number, key));
    }
    in_flow = line.ends_with('[') || line.ends_with('{');
  }
  problems.emplace_back("the metadata block that starts with '---' is never closed");
  return problems;
}

}  // namespace headrace::hub
