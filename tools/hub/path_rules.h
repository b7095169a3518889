// path_rules.h: what git's .gitignore and .gitattributes say of a path.
// Both files at the root of a repository only, which is what the upload protocol carries. The
// semantics are those of gitignore(5) and gitattributes(5); the tests compare with git itself.
// Pure values; safe from any thread once made.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headrace::hub {

// git's wildmatch: '?', '*' and classes stop at '/', '**' between slashes does not.
bool wild_match(std::string_view pattern, std::string_view path);

// One line's pattern with its marks taken off.
struct PathPattern {
  std::string text;
  bool negated = false;
  bool folders_only = false;
  bool anchored = false;  // compared with the whole path and not with its last component
  bool literal = false;   // without any special character
  bool matches(std::string_view path) const;
};

class IgnoreRules {
 public:
  explicit IgnoreRules(std::string_view gitignore);
  // Whether the file `path` is ignored, itself or with a folder it lies in.
  bool ignores(std::string_view path) const;

 private:
  bool ignores_one(std::string_view path, bool folder) const;
  std::vector<PathPattern> patterns_;
};

class AttributeRules {
 public:
  explicit AttributeRules(std::string_view gitattributes);
  // Whether the last rule on `filter` that matches says `lfs`.
  bool tracks_with_lfs(std::string_view path) const;

 private:
  struct Rule {
    PathPattern pattern;
    bool lfs = false;
  };
  std::vector<Rule> rules_;
};

// The line, with its newline, that makes git track exactly `path` with LFS.
std::string lfs_rule(std::string_view path);
// What a new repository's .gitattributes says.
std::string default_gitattributes();

}  // namespace headrace::hub
