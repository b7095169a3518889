// filter.h: which files of a folder go up, by the shell patterns of the ecosystem.
//
// A pattern is Python's fnmatch over the whole relative path: '*' and '?' take '/' too, [seq] and
// [!seq] are sets of code points, '**' means no more than '*', nothing escapes. A trailing '/' of
// a pattern stands for everything below; '\' is read as '/' in pattern and path.
// Compiled once, matched in time proportional to pattern times path at worst, no backtracking
// tree. Pure; a PathFilter may be shared by threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headrace {

class PathPattern {
 public:
  explicit PathPattern(std::string_view pattern);
  bool matches(std::string_view path) const;

 private:
  enum class Kind : std::uint8_t { literal, any, run, set, never };
  struct Token {
    Kind kind = Kind::literal;
    std::uint32_t literal = 0;
    bool negated = false;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;  // both ends included
  };
  // `body` is what stood between the brackets.
  static Token make_set(const std::vector<std::uint32_t>& body);
  static bool accepts(const Token&, std::uint32_t code_point);

  std::vector<Token> tokens_;
};

class PathFilter {
 public:
  // No allow list lets everything in; an empty one lets nothing in.
  PathFilter(const std::optional<std::vector<std::string>>& allow,
             const std::vector<std::string>& ignore);
  bool keeps(std::string_view path) const;

 private:
  bool has_allow_ = false;
  std::vector<PathPattern> allow_;
  std::vector<PathPattern> ignore_;
};

// What no folder upload takes along: git's own files and the local cache of the ecosystem.
const std::vector<std::string>& default_ignore_patterns();
// The filter of a folder upload: the caller's patterns and the default ones.
PathFilter folder_filter(const std::optional<std::vector<std::string>>& allow,
                         std::vector<std::string> ignore);

}  // namespace headrace
