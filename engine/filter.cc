#include "engine/filter.h"

#include <algorithm>

#include "engine/utf8.h"

namespace headrace {
namespace {

using CodePoints = std::vector<std::uint32_t>;

CodePoints decode(std::string_view text) {
  CodePoints points;
  points.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    points.push_back(point.value == '\\' ? '/' : point.value);
    at += point.size;
  }
  return points;
}

// Where the set that opens before `begin` closes, or npos. A ']' right after '[' or '[!' is a
// member.
std::size_t set_end(const CodePoints& pattern, std::size_t begin) {
  std::size_t at = begin;
  if (at < pattern.size() && pattern[at] == '!') ++at;
  if (at < pattern.size() && pattern[at] == ']') ++at;
  while (at < pattern.size() && pattern[at] != ']') ++at;
  return at < pattern.size() ? at : std::string_view::npos;
}

// Cuts a set at the hyphens that make ranges: between two chunks stands a range from the last of
// the one to the first of the other. Ranges that run backwards are empty and vanish with their
// ends, which is what Python does.
std::vector<CodePoints> range_chunks(const CodePoints& body) {
  std::vector<CodePoints> chunks;
  std::size_t begin = 0;
  std::size_t search = !body.empty() && body[0] == '!' ? 2 : 1;
  while (search < body.size()) {
    const auto hyphen = std::find(body.begin() + static_cast<std::ptrdiff_t>(search), body.end(),
                                  static_cast<std::uint32_t>('-'));
    if (hyphen == body.end()) break;
    const auto at = static_cast<std::size_t>(hyphen - body.begin());
    chunks.emplace_back(body.begin() + static_cast<std::ptrdiff_t>(begin), hyphen);
    begin = at + 1;
    search = at + 3;
  }
  if (begin < body.size() || chunks.empty()) {
    chunks.emplace_back(body.begin() + static_cast<std::ptrdiff_t>(begin), body.end());
  } else {
    chunks.back().push_back('-');
  }
  for (std::size_t i = chunks.size(); i-- > 1;) {
    if (chunks[i - 1].back() <= chunks[i].front()) continue;
    chunks[i - 1].pop_back();
    chunks[i - 1].insert(chunks[i - 1].end(), chunks[i].begin() + 1, chunks[i].end());
    chunks.erase(chunks.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return chunks;
}

}  // namespace

PathPattern::PathPattern(std::string_view pattern) {
  CodePoints points = decode(pattern);
  if (!points.empty() && points.back() == '/') points.push_back('*');
  for (std::size_t at = 0; at < points.size();) {
    const std::uint32_t point = points[at++];
    Token token;
    if (point == '*') {
      token.kind = Kind::run;
      if (!tokens_.empty() && tokens_.back().kind == Kind::run) continue;
    } else if (point == '?') {
      token.kind = Kind::any;
    } else if (std::size_t end = point == '[' ? set_end(points, at) : std::string_view::npos;
               end != std::string_view::npos) {
      token = make_set({points.begin() + static_cast<std::ptrdiff_t>(at),
                        points.begin() + static_cast<std::ptrdiff_t>(end)});
      at = end + 1;
    } else {
      token.literal = point;
    }
    tokens_.push_back(std::move(token));
  }
}

PathPattern::Token PathPattern::make_set(const CodePoints& body) {
  // The hyphen of a range is told from a member by its position alone.
  CodePoints members;
  std::vector<std::size_t> hyphens;
  for (const CodePoints& chunk : range_chunks(body)) {
    if (!members.empty()) {
      hyphens.push_back(members.size());
      members.push_back('-');
    }
    members.insert(members.end(), chunk.begin(), chunk.end());
  }
  Token token;
  token.kind = Kind::set;
  if (members.empty()) {
    token.kind = Kind::never;
    return token;
  }
  std::size_t at = 0;
  if (members[0] == '!') {
    if (members.size() == 1) {
      token.kind = Kind::any;
      return token;
    }
    token.negated = true;
    at = 1;
  }
  while (at < members.size()) {
    const std::uint32_t low = members[at++];
    std::uint32_t high = low;
    const bool range = at + 1 < members.size() && std::count(hyphens.begin(), hyphens.end(), at);
    if (range) {
      high = members[at + 1];
      at += 2;
    }
    token.ranges.emplace_back(low, high);
  }
  return token;
}

bool PathPattern::accepts(const Token& token, std::uint32_t code_point) {
  switch (token.kind) {
    case Kind::literal:
      return token.literal == code_point;
    case Kind::any:
      return true;
    case Kind::set:
      return token.negated !=
             std::any_of(token.ranges.begin(), token.ranges.end(), [code_point](const auto& range) {
               return range.first <= code_point && code_point <= range.second;
             });
    case Kind::run:
    case Kind::never:
      return false;
  }
  return false;
}

bool PathPattern::matches(std::string_view path) const {
  // Greedy with one fallback: when a token fails, the last run takes one more code point. Earlier
  // runs need no second try, since a later run can take whatever they would have taken.
  const CodePoints points = decode(path);
  std::size_t token = 0;
  std::size_t at = 0;
  std::size_t run_token = tokens_.size();
  std::size_t run_at = 0;
  while (at < points.size()) {
    if (token < tokens_.size() && tokens_[token].kind == Kind::run) {
      run_token = token++;
      run_at = at;
    } else if (token < tokens_.size() && accepts(tokens_[token], points[at])) {
      ++token;
      ++at;
    } else if (run_token < tokens_.size()) {
      token = run_token + 1;
      at = ++run_at;
    } else {
      return false;
    }
  }
  while (token < tokens_.size() && tokens_[token].kind == Kind::run) ++token;
  return token == tokens_.size();
}

PathFilter::PathFilter(const std::optional<std::vector<std::string>>& allow,
                       const std::vector<std::string>& ignore)
    : has_allow_(allow.has_value()), ignore_(ignore.begin(), ignore.end()) {
  if (allow) allow_ = std::vector<PathPattern>(allow->begin(), allow->end());
}

bool PathFilter::keeps(std::string_view path) const {
  const auto matches = [path](const PathPattern& pattern) { return pattern.matches(path); };
  if (has_allow_ && std::none_of(allow_.begin(), allow_.end(), matches)) return false;
  return std::none_of(ignore_.begin(), ignore_.end(), matches);
}

const std::vector<std::string>& default_ignore_patterns() {
  static const std::vector<std::string> patterns = {
      ".git",
      ".git/*",
      "*/.git",
      "**/.git/**",
      ".cache/huggingface",
      ".cache/huggingface/*",
      "*/.cache/huggingface",
      "**/.cache/huggingface/**",
  };
  return patterns;
}

PathFilter folder_filter(const std::optional<std::vector<std::string>>& allow,
                         std::vector<std::string> ignore) {
  const std::vector<std::string>& more = default_ignore_patterns();
  ignore.insert(ignore.end(), more.begin(), more.end());
  return PathFilter(allow, ignore);
}

}  // namespace headrace
