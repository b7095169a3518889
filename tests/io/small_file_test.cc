#include "io/small_file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>
#include <unistd.h>

namespace headrace {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a small file is written whole, in the place of the one before, and alone") {
  char where[] = "/tmp/headrace_small_XXXXXX";
  REQUIRE(::mkdtemp(where) != nullptr);
  const std::filesystem::path folder = where;
  const std::string path = folder / "a/b/file";
  REQUIRE(write_small_file(path, std::string(100'000, 'x')).has_value());
  REQUIRE(write_small_file(path, "new\n").has_value());
  CHECK(text_of(path) == "new\n");
  CHECK(std::distance(std::filesystem::directory_iterator(folder / "a/b"), {}) == 1);
  CHECK((std::filesystem::status(folder / "a").permissions() & std::filesystem::perms::mask) ==
        std::filesystem::perms::owner_all);
  const Status refused = write_small_file(path + "/below", "x");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "write_failed");
  CHECK(refused.error().sys_error == ENOTDIR);
  CHECK_FALSE(write_small_file(folder / "a/b", "x").has_value());
  CHECK(std::distance(std::filesystem::directory_iterator(folder / "a"), {}) == 1);
  std::filesystem::remove_all(folder);
}

}  // namespace headrace
