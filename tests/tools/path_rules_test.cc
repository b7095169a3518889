// The rules of ignoring and of attributes, compared with git itself.
#include "tools/hub/path_rules.h"

#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/tools/hub_fixture.h"

namespace headrace::hub {
namespace {

// Standard output of a shell command, run in `folder`.
std::string output_of(const std::filesystem::path& folder, const std::string& command) {
  std::string line = fmt::format("cd '{}' && {} 2>/dev/null", folder.native(), command);
  std::FILE* pipe = ::popen(line.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  char piece[4096];
  while (std::size_t count = std::fread(piece, 1, sizeof piece, pipe)) output.append(piece, count);
  ::pclose(pipe);
  return output;
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

const std::vector<std::string> paths = {
    "a",
    "a.log",
    "b/a.log",
    "b/c/a.log",
    "logs/x",
    "b/logs/x",
    "logs.txt",
    "build/out/x",
    "src/build/x",
    "foo/bar",
    "x/foo/bar",
    "foo/a/bar",
    "foo/a/b/bar",
    "foobar",
    "abc.txt",
    "a b.txt",
    "trail ",
    "#hash",
    "!bang",
    "[x]",
    "x",
    "y1.c",
    "yz.c",
    "deep/y1.c",
    "doc/a.pdf",
    "doc/keep.pdf",
    "doc/x/a.pdf",
    "back\\slash",
    "UPPER.LOG",
    "a-b",
    "q/w/e/r/t",
    "q/w/e/z",
    "tab\tname",
    ".hidden",
    "dir/.hidden",
    "ab/cd/ef.bin",
    "x.tar.gz",
    "saved_model/v.pb",
    "saved_model/1/v.pb",
    "saved_model/1/2/v.pb",
    "tfevents.1",
    "run/events.tfevents.3",
    "nested/deep/logs/x",
    "a/b",
    "a.b/c",
    "star*name",
    "quest?",
};

const std::vector<std::string> ignore_files = {
    "*.log\n",
    "*.log\n!a.log\n",
    "/a.log\n",
    "logs/\n",
    "/logs/\n",
    "logs\n",
    "build/\n!build/out/x\n",
    "foo/bar\n",
    "**/foo/bar\n",
    "foo/**/bar\n",
    "foo/**\n",
    "**/logs\n**/y1.c\n",
    "foo**bar\n",
    "q/**/t\n!q/w/e/r/t\n",
    "# comment\n\\#hash\n\\!bang\n",
    "trail \n",
    "trail\\ \n",
    "a\\ b.txt\n",
    "[xy]\n",
    "\\[x]\n",
    "y[0-9].c\n",
    "y[!0-9].c\n",
    "y[^a-y].c\n",
    "y[[:alpha:]].c\n",
    "[]x]\n",
    "[a-\n",
    "doc/*.pdf\n!doc/keep.pdf\n",
    "doc/*\n",
    "*/*\n",
    "?\n",
    "???.txt\n",
    "back\\\\slash\n",
    "star\\*name\nquest\\?\n",
    ".*\n",
    "*\n!*.txt\n",
    "*\n!*/\n!*.c\n",
    "*.log\r\nlogs/\r\n",
    "a/\n",
    "/\n",
    "\n\n  \n",
    "/*\n!/foo\n",
    "a*b\n",
    "**\n",
    "*/\n",
    "**/\n",
    "[!a]*\n",
    "x/**/\n",
    "\xef\xbb\xbf*.log\n",
    "*.log",
    "back\\",
    "q/*/e\n",
    "q/*e/*\n",
};

TEST_CASE("a path is ignored if git ignores it") {
  TemporaryDirectory folder;
  output_of(folder.path(), "git init -q .");
  std::string listed;
  for (const std::string& path : paths) listed += path + std::string(1, '\0');
  write(folder.path() / ".git" / "paths", listed);
  for (const std::string& rules : ignore_files) {
    CAPTURE(rules);
    write(folder.path() / ".gitignore", rules);
    std::string output = output_of(
        folder.path(),
        "git -c core.excludesFile= check-ignore -z --no-index -v -n --stdin < .git/paths");
    std::map<std::string, bool> git;
    std::istringstream fields(output);
    std::string source, number, pattern, path;
    while (std::getline(fields, source, '\0') && std::getline(fields, number, '\0') &&
           std::getline(fields, pattern, '\0') && std::getline(fields, path, '\0')) {
      git[path] = !source.empty() && !pattern.starts_with('!');
    }
    REQUIRE(git.size() == paths.size());
    IgnoreRules ours(rules);
    for (const std::string& each : paths) {
      CAPTURE(each);
      CHECK(ours.ignores(each) == git[each]);
    }
  }
}

TEST_CASE("a path is tracked with LFS if git says so") {
  TemporaryDirectory folder;
  output_of(folder.path(), "git init -q .");
  std::string listed, rules_for_all;
  for (const std::string& path : paths) {
    listed += path + std::string(1, '\0');
    rules_for_all += lfs_rule(path);
  }
  write(folder.path() / ".git" / "paths", listed);
  const std::vector<std::string> attribute_files = {
      default_gitattributes(),
      rules_for_all,
      lfs_rule("star*name") + lfs_rule("[x]") + lfs_rule("#hash") + lfs_rule("a b.txt"),
      "*.txt filter=lfs\nabc.txt -filter\n",
      "*.txt filter=lfs\nabc.txt filter=other\n",
      "*.txt filter=lfs\nabc.txt !filter\n",
      "*.txt text filter=lfs diff=lfs\n*.txt text\n",
      "doc/** filter=lfs\n/a filter=lfs\n",
      "doc/ filter=lfs\n",
      "!a filter=lfs\n# a filter=lfs\n",
      "  *.c\tfilter=lfs\r\n",
      "x filter=lfs filter=no\nfoo/bar filter\n",
  };
  for (const std::string& text : attribute_files) {
    CAPTURE(text);
    write(folder.path() / ".gitattributes", text);
    std::string output = output_of(folder.path(), "git check-attr -z --stdin filter < .git/paths");
    std::map<std::string, bool> git;
    std::istringstream fields(output);
    std::string path, attribute, value;
    while (std::getline(fields, path, '\0') && std::getline(fields, attribute, '\0') &&
           std::getline(fields, value, '\0')) {
      git[path] = value == "lfs";
    }
    REQUIRE(git.size() == paths.size());
    AttributeRules ours(text);
    for (const std::string& each : paths) {
      CAPTURE(each);
      CHECK(ours.tracks_with_lfs(each) == git[each]);
    }
  }
}

TEST_CASE("a pattern of many stars ends soon") {
  std::string text(200, 'a');
  CHECK(!wild_match("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
  CHECK(!wild_match("**/a*/**/a*/**/a*/**/b", "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"));
}

}  // namespace
}  // namespace headrace::hub
