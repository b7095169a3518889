#include "engine/filter.h"

#include <doctest/doctest.h>

namespace headrace {
namespace {

using Patterns = std::vector<std::string>;

struct Row {
  const char* pattern;
  const char* path;
  bool hit;
};
// Made by make_filter_table.py from Python's own fnmatchcase.
constexpr Row table[] = {
#include "tests/engine/filter_table.inc"
};

}  // namespace

TEST_CASE("a pattern matches what Python's fnmatchcase matches") {
  for (const Row& row : table) {
    INFO("pattern '", row.pattern, "' path '", row.path, "'");
    CHECK(PathPattern(row.pattern).matches(row.path) == row.hit);
  }
}

TEST_CASE("a pattern with many runs takes no exponential time") {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  CHECK_FALSE(PathPattern(pattern + "b").matches(std::string(4000, 'a')));
  CHECK(PathPattern(pattern).matches(std::string(4000, 'a')));
}

TEST_CASE("a trailing slash stands for everything below, a backslash for a slash") {
  CHECK(PathPattern("logs/").matches("logs/a/b.txt"));
  CHECK_FALSE(PathPattern("logs/").matches("logs"));
  CHECK(PathPattern("logs\\").matches("logs/a"));
  CHECK(PathPattern("a\\*.txt").matches("a/b.txt"));
  CHECK(PathPattern("a/b").matches("a\\b"));
}

TEST_CASE("a byte that is not UTF-8 is one character") {
  CHECK(
      PathPattern("a?b").matches("a\xff"
                                 "b"));
  CHECK_FALSE(
      PathPattern("a??b").matches("a\xff"
                                  "b"));
  CHECK(PathPattern("\xff*").matches("\xff\xfe"));
}

TEST_CASE("a file must be allowed and must not be ignored") {
  CHECK(PathFilter(std::nullopt, {}).keeps("a"));
  CHECK_FALSE(PathFilter(Patterns{}, {}).keeps("a"));
  const PathFilter filter(Patterns{"*.txt", "data/"}, {"*secret*"});
  CHECK(filter.keeps("x/a.txt"));
  CHECK(filter.keeps("data/b.bin"));
  CHECK_FALSE(filter.keeps("b.bin"));
  CHECK_FALSE(filter.keeps("data/secret.txt"));
}

TEST_CASE("a folder upload leaves git's files and the local cache alone") {
  const PathFilter filter = folder_filter(std::nullopt, {"*.log"});
  for (const char* path : {".git/config", "a/.git/HEAD", ".git", "a/.git",
                           ".cache/huggingface/upload/x", "a/.cache/huggingface/y", "x.log"}) {
    CHECK_MESSAGE(!filter.keeps(path), path);
  }
  for (const char* path :
       {".gitignore", ".gitattributes", "a/.github/x", ".cache/other", "git/config"}) {
    CHECK_MESSAGE(filter.keeps(path), path);
  }
}

}  // namespace headrace
