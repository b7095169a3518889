#include "engine/repo_path.h"

#include <doctest/doctest.h>

#include "engine/utf8.h"

namespace headrace {

TEST_CASE("a path in a repo loses its leading slash and dot") {
  CHECK(clean_repo_path("a/b.txt").value() == "a/b.txt");
  CHECK(clean_repo_path("/a").value() == "a");
  CHECK(clean_repo_path("./a").value() == "a");
  CHECK(clean_repo_path("/./a").value() == "a");
  CHECK(clean_repo_path(".gitignore").value() == ".gitignore");
  CHECK(clean_repo_path("a\nb \xc3\xa9/...").value() == "a\nb \xc3\xa9/...");
}

TEST_CASE("what git would refuse is refused at once") {
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("../a"),
        std::string("a/../b"), std::string("a/.."), std::string("/"), std::string("./"),
        std::string("//a"), std::string("a//b"), std::string("a/"), std::string("a/./b"),
        std::string(".git"), std::string("a/.git/x"), std::string(".cache/x"),
        std::string("a\0b", 3), std::string(5000, 'a')}) {
    Result<std::string> path = clean_repo_path(bad);
    REQUIRE_MESSAGE(!path.has_value(), bad);
    CHECK(path.error().code == "bad_path_in_repo");
  }
}

TEST_CASE("a name that is not UTF-8 is an error that shows the bytes") {
  Result<std::string> path = clean_repo_path("d/na\xff\xc3.txt");
  REQUIRE_FALSE(path.has_value());
  CHECK(path.error().code == "not_utf8");
  CHECK(path.error().path == "d/na\\xff\\xc3.txt");
  CHECK_FALSE(path.error().hint.empty());
}

TEST_CASE("the folder of an upload") {
  for (const char* root : {"", ".", "/", "./", "//"}) {
    CHECK_MESSAGE(clean_repo_folder(root).value().empty(), root);
  }
  CHECK(clean_repo_folder("/train/").value() == "train");
  CHECK(clean_repo_folder("./a/b").value() == "a/b");
  CHECK_FALSE(clean_repo_folder("..").has_value());
  CHECK(join_repo_path("", "x/y").value() == "x/y");
  CHECK(join_repo_path("a/b", "x").value() == "a/b/x");
  CHECK_FALSE(join_repo_path("a", "../x").has_value());
}

TEST_CASE("UTF-8 without overlong forms and surrogates") {
  for (const char* good : {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                           "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80"}) {
    CHECK(is_valid_utf8(good));
  }
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xc3", "\xe2\x82", "a\xc3(", "\xff"}) {
    CHECK_FALSE(is_valid_utf8(bad));
  }
  CHECK(decode_utf8("\xf0\x9f\x98\x80", 0).value == 0x1f600);
  CHECK(decode_utf8("a\xff", 1).value == 0xdcff);
}

}  // namespace headrace
