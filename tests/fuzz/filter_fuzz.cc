// Patterns, a line each, and behind an empty line a path.
#include <algorithm>

#include "engine/filter.h"
#include "engine/repo_path.h"
#include "engine/utf8.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace headrace;
  std::string_view input = text_of_input(data, size);
  std::vector<std::string> patterns;
  while (!input.empty()) {
    std::string_view pattern = take_until(input, '\n');
    if (pattern.empty()) break;
    patterns.emplace_back(pattern);
  }
  std::string_view path = input;
  bool any = false;
  for (const std::string& pattern : patterns) {
    PathPattern compiled(pattern);
    bool matches = compiled.matches(path);
    any = any || matches;
    // Without marks a pattern takes itself and nothing else.
    if (pattern.find_first_of("*?[\\") == std::string::npos && pattern.back() != '/' &&
        is_valid_utf8(pattern)) {
      MUST(compiled.matches(pattern));
      MUST(!matches || path.size() == pattern.size());
    }
  }
  MUST(PathFilter(std::nullopt, patterns).keeps(path) == !any);
  MUST(PathFilter(patterns, {}).keeps(path) == any);
  MUST(PathPattern("*").matches(path));
  Result<std::string> clean = clean_repo_path(path);
  if (clean) {
    Result<std::string> again = clean_repo_path(*clean);
    MUST(again && *again == *clean);
    MUST(is_valid_utf8(*clean) && !clean->starts_with('/') && !clean->ends_with('/'));
  }
  return 0;
}
