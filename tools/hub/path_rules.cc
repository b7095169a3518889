#include "tools/hub/path_rules.h"

#include <algorithm>
#include <cctype>
#include <optional>

namespace headrace::hub {
namespace {

// Besides yes and no, a failure says how far back another try makes sense; without that a pattern
// of many stars costs exponential time.
enum class Match { yes, no, abort_all, abort_to_starstar };

bool in_posix_class(std::string_view name, unsigned char c) {
  if (name == "alnum") return std::isalnum(c) != 0;
  if (name == "alpha") return std::isalpha(c) != 0;
  if (name == "blank") return std::isblank(c) != 0;
  if (name == "cntrl") return std::iscntrl(c) != 0;
  if (name == "digit") return std::isdigit(c) != 0;
  if (name == "graph") return std::isgraph(c) != 0;
  if (name == "lower") return std::islower(c) != 0;
  if (name == "print") return std::isprint(c) != 0;
  if (name == "punct") return std::ispunct(c) != 0;
  if (name == "space") return std::isspace(c) != 0;
  if (name == "upper") return std::isupper(c) != 0;
  if (name == "xdigit") return std::isxdigit(c) != 0;
  return false;
}

// `pattern` starts behind '['. On return it starts behind ']'; nothing if the class never ends.
std::optional<bool> match_class(std::string_view& pattern, unsigned char c) {
  bool negated = !pattern.empty() && (pattern[0] == '!' || pattern[0] == '^');
  if (negated) pattern.remove_prefix(1);
  bool found = false;
  bool has_previous = false;
  unsigned char previous = 0;
  for (bool first = true;; first = false) {
    if (pattern.empty()) return std::nullopt;
    auto next = static_cast<unsigned char>(pattern[0]);
    if (next == ']' && !first) break;
    if (next == '[' && pattern.size() > 1 && pattern[1] == ':') {
      std::size_t end = pattern.find(":]", 2);
      if (end == std::string_view::npos) return std::nullopt;
      found |= in_posix_class(pattern.substr(2, end - 2), c);
      pattern.remove_prefix(end + 2);
      has_previous = false;
      continue;
    }
    if (next == '-' && has_previous && pattern.size() > 1 && pattern[1] != ']') {
      pattern.remove_prefix(1);
      if (pattern[0] == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
      found |= c >= previous && c <= static_cast<unsigned char>(pattern[0]);
      pattern.remove_prefix(1);
      has_previous = false;
      continue;
    }
    if (next == '\\') {
      pattern.remove_prefix(1);
      if (pattern.empty()) return std::nullopt;
      next = static_cast<unsigned char>(pattern[0]);
    }
    found |= c == next;
    previous = next;
    has_previous = true;
    pattern.remove_prefix(1);
  }
  pattern.remove_prefix(1);
  return found != negated && c != '/';
}

Match match_here(std::string_view pattern, std::string_view text, std::string_view whole);

// `pattern` starts at a star; `whole` is the pattern from its very beginning.
Match match_star(std::string_view pattern, std::string_view text, std::string_view whole) {
  std::size_t at = whole.size() - pattern.size();
  std::size_t stars = std::min(pattern.find_first_not_of('*'), pattern.size());
  std::string_view rest = pattern.substr(stars);
  bool crosses = false;
  if (stars > 1 && (at == 0 || whole[at - 1] == '/') && (rest.empty() || rest[0] == '/')) {
    crosses = true;
    // "a/**/b" also matches "a/b".
    if (!rest.empty() && match_here(rest.substr(1), text, whole) == Match::yes) return Match::yes;
  }
  if (rest.empty()) {
    return crosses || !text.contains('/') ? Match::yes : Match::abort_to_starstar;
  }
  for (std::size_t i = 0;; ++i) {
    Match match = match_here(rest, text.substr(i), whole);
    if (match == Match::yes || match == Match::abort_all) return match;
    if (match == Match::abort_to_starstar && !crosses) return match;
    if (i == text.size()) return Match::abort_all;
    if (!crosses && text[i] == '/') return Match::abort_to_starstar;
  }
}

Match match_here(std::string_view pattern, std::string_view text, std::string_view whole) {
  while (!pattern.empty()) {
    char p = pattern[0];
    if (p == '*') return match_star(pattern, text, whole);
    if (text.empty()) return Match::abort_all;
    if (p == '[') {
      pattern.remove_prefix(1);
      auto in_class = match_class(pattern, static_cast<unsigned char>(text[0]));
      if (!in_class) return Match::abort_all;
      if (!*in_class) return Match::no;
      text.remove_prefix(1);
      continue;
    }
    bool fits = p == '?' ? text[0] != '/' : p == text[0];
    if (p == '\\') {
      pattern.remove_prefix(1);
      if (pattern.empty()) return Match::abort_all;
      fits = pattern[0] == text[0];
    }
    if (!fits) return Match::no;
    pattern.remove_prefix(1);
    text.remove_prefix(1);
  }
  return text.empty() ? Match::yes : Match::no;
}

// Anchors, folder marks and the like; shared by both files.
PathPattern make_pattern(std::string_view text) {
  PathPattern pattern;
  if (text.size() > 1 && text.ends_with('/')) {
    pattern.folders_only = true;
    text.remove_suffix(1);
  }
  pattern.anchored = text.contains('/');
  if (text.starts_with('/')) text.remove_prefix(1);
  pattern.literal = text.find_first_of("*?[\\") == std::string_view::npos;
  pattern.text = text;
  return pattern;
}

// Lines without their ends; a byte order mark and a CR before the newline don't count.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    visit(line);
  }
}

// Blanks at the end go, but not one that a backslash protects.
std::string_view trim_end(std::string_view line) {
  std::size_t keep = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
      keep = std::min(i + 1, line.size());
    } else if (line[i] != ' ') {
      keep = i + 1;
    }
  }
  return line.substr(0, keep);
}

}  // namespace

bool wild_match(std::string_view pattern, std::string_view path) {
  return match_here(pattern, path, pattern) == Match::yes;
}

bool PathPattern::matches(std::string_view path) const {
  if (!anchored) path = path.substr(path.rfind('/') + 1);
  return literal ? text == path : wild_match(text, path);
}

IgnoreRules::IgnoreRules(std::string_view gitignore) {
  for_each_line(gitignore, [this](std::string_view line) {
    if (line.starts_with('#')) return;
    line = trim_end(line);
    bool negated = line.starts_with('!');
    if (negated) line.remove_prefix(1);
    if (line.empty() || line == "/") return;
    PathPattern pattern = make_pattern(line);
    pattern.negated = negated;
    patterns_.push_back(std::move(pattern));
  });
}

bool IgnoreRules::ignores_one(std::string_view path, bool folder) const {
  for (auto pattern = patterns_.rbegin(); pattern != patterns_.rend(); ++pattern) {
    if (pattern->folders_only && !folder) continue;
    if (pattern->matches(path)) return !pattern->negated;
  }
  return false;
}

bool IgnoreRules::ignores(std::string_view path) const {
  // What lies in an ignored folder cannot be brought back by a later '!'.
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos;
       slash = path.find('/', slash + 1)) {
    if (ignores_one(path.substr(0, slash), true)) return true;
  }
  return ignores_one(path, false);
}

AttributeRules::AttributeRules(std::string_view gitattributes) {
  for_each_line(gitattributes, [this](std::string_view line) {
    constexpr std::string_view blank = " \t";
    line.remove_prefix(std::min(line.find_first_not_of(blank), line.size()));
    // "[attr]name" defines a macro and "!pattern" is forbidden; neither says anything of a path.
    if (line.empty() || line[0] == '#' || line[0] == '!' || line.starts_with("[attr]")) return;
    std::size_t end = std::min(line.find_first_of(blank), line.size());
    Rule rule{.pattern = make_pattern(line.substr(0, end))};
    bool speaks = false;
    for (std::string_view rest = line.substr(end); !rest.empty();) {
      rest.remove_prefix(std::min(rest.find_first_not_of(blank), rest.size()));
      std::string_view word = rest.substr(0, rest.find_first_of(blank));
      rest.remove_prefix(word.size());
      if (word != "filter" && word != "-filter" && word != "!filter" &&
          !word.starts_with("filter=")) {
        continue;
      }
      speaks = true;
      rule.lfs = word == "filter=lfs";
    }
    if (speaks && !rule.pattern.folders_only) rules_.push_back(std::move(rule));
  });
}

bool AttributeRules::tracks_with_lfs(std::string_view path) const {
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->pattern.matches(path)) return rule->lfs;
  }
  return false;
}

std::string lfs_rule(std::string_view path) {
  // A path without a slash would match in every folder.
  std::string line = path.contains('/') ? "" : "/";
  for (char c : path) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      line += "[[:space:]]";  // a pattern ends at the first blank
      continue;
    }
    if (std::string_view("*?[\\").contains(c)) line += '\\';
    if (line.empty() && std::string_view("#!\"").contains(c)) line += '\\';
    line += c;
  }
  return line + " filter=lfs diff=lfs merge=lfs -text\n";
}

std::string default_gitattributes() {
  std::string text;
  for (std::string_view pattern : {"*.7z",          "*.arrow",
                                   "*.bin",         "*.bz2",
                                   "*.ckpt",        "*.ftz",
                                   "*.gz",          "*.h5",
                                   "*.joblib",      "*.lfs.*",
                                   "*.mlmodel",     "*.model",
                                   "*.msgpack",     "*.npy",
                                   "*.npz",         "*.onnx",
                                   "*.ot",          "*.parquet",
                                   "*.pb",          "*.pickle",
                                   "*.pkl",         "*.pt",
                                   "*.pth",         "*.rar",
                                   "*.safetensors", "saved_model/**/*",
                                   "*.tar.*",       "*.tar",
                                   "*.tflite",      "*.tgz",
                                   "*.wasm",        "*.xz",
                                   "*.zip",         "*.zst",
                                   "*tfevents*"}) {
    text += pattern;
    text += " filter=lfs diff=lfs merge=lfs -text\n";
  }
  return text;
}

}  // namespace headrace::hub
