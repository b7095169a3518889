#include "tools/headrace/local_paths.h"

#include <cerrno>
#include <map>

#include <doctest/doctest.h>

namespace headrace {
namespace {

using List = std::vector<std::string>;

LocalKind kind_of(const std::string& path) {
  static const std::map<std::string, LocalKind> files = {
      {"file.bin", LocalKind::file}, {"a/b.txt", LocalKind::file},    {"folder", LocalKind::folder},
      {".", LocalKind::folder},      {"model [v2]", LocalKind::file}, {"pipe", LocalKind::other},
      {"folder/", LocalKind::folder}};
  const auto found = files.find(path);
  return found == files.end() ? LocalKind::nothing : found->second;
}

LocalChoice choose(PathArguments arguments) {
  Result<LocalChoice> choice = choose_local(arguments, kind_of);
  if (!choice) FAIL(choice.error().message);
  return *choice;
}

Error refused(PathArguments arguments) {
  Result<LocalChoice> choice = choose_local(arguments, kind_of);
  REQUIRE_FALSE(choice.has_value());
  CHECK_FALSE(choice.error().hint.empty());
  return choice.error();
}

}  // namespace

TEST_CASE("without a local path, what is named like the repo") {
  LocalChoice choice = choose({.repo_name = "file.bin"});
  CHECK(choice.path == "file.bin");
  CHECK(choice.is_file);
  CHECK(choice.path_in_repo == "file.bin");
  choice = choose({.repo_name = "folder"});
  CHECK_FALSE(choice.is_file);
  CHECK(choice.path_in_repo.empty());
  CHECK(refused({.repo_name = "none"}).code == "local_path_needed");
  CHECK(refused({.repo_name = "none"}).stage == "arguments");
  CHECK(refused({.repo_name = "pipe"}).code == "local_path_needed");
}

TEST_CASE("without a path in the repo, a file keeps its name and a folder is the root") {
  CHECK(choose({.local_path = "a/b.txt"}).path_in_repo == "b.txt");
  CHECK(choose({.local_path = "folder"}).path_in_repo.empty());
  CHECK(choose({.local_path = "folder/"}).path_in_repo.empty());
  CHECK(choose({.local_path = "a/b.txt", .path_in_repo = "x/y"}).path_in_repo == "x/y");
  CHECK(choose({.local_path = "folder", .path_in_repo = "x"}).path_in_repo == "x");
}

TEST_CASE("a path that names nothing may be a pattern") {
  const LocalChoice choice = choose({.local_path = "*.bin", .path_in_repo = "."});
  CHECK(choice.path == ".");
  CHECK(choice.path_in_repo.empty());
  CHECK(choice.include == List{"*.bin"});
  CHECK(refused({.local_path = "*.bin", .path_in_repo = "x"}).code == "bad_arguments");
  CHECK(refused({.local_path = "*.bin", .include = List{"y"}}).code == "bad_arguments");
  // What exists is never a pattern.
  CHECK(choose({.local_path = "model [v2]"}).path_in_repo == "model [v2]");
}

TEST_CASE("a path that is not there, or is neither file nor folder") {
  Error error = refused({.local_path = "none/x"});
  CHECK(error.code == "no_such_path");
  CHECK(error.sys_error == ENOENT);
  CHECK(error.path == "none/x");
  CHECK(error.stage == "scan");
  CHECK(refused({.local_path = "pipe"}).code == "no_such_path");
  auto failing = [](int sys_error) {
    Result<LocalChoice> choice = choose_local({.local_path = "x"}, [=](const std::string&) {
      return LocalLook(LocalKind::nothing, sys_error);
    });
    return choice.error();
  };
  CHECK(failing(ELOOP).code == "symlink_loop");
  CHECK(failing(ELOOP).sys_error == ELOOP);
  CHECK(failing(EACCES).code == "walk_failed");
  CHECK(failing(EACCES).hint.contains("permissions"));
  CHECK(failing(ENOTDIR).code == "no_such_path");
}

}  // namespace headrace
