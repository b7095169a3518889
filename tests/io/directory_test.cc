#include "io/directory.h"

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace headrace {
namespace {

namespace fs = std::filesystem;

// A folder of its own for each case, gone when the case ends.
struct Tree {
  std::string root;
  Tree() {
    char name[] = "/tmp/headrace_walk_XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    root = name;
  }
  ~Tree() {
    std::error_code ignored;
    fs::remove_all(root, ignored);
  }
  void file(const std::string& path, std::size_t size = 0) const {
    fs::create_directories(fs::path(root + "/" + path).parent_path());
    std::ofstream(root + "/" + path) << std::string(size, 'x');
  }
  void link(const std::string& target, const std::string& path) const {
    REQUIRE(::symlink(target.c_str(), (root + "/" + path).c_str()) == 0);
  }
};

std::vector<std::string> paths(const DirectoryListing& listing) {
  std::vector<std::string> all;
  for (const FoundFile& file : listing.files) all.push_back(file.path);
  return all;
}

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("files come in the order of their paths' components, with their sizes") {
  const Tree tree;
  for (const char* path : {"a.txt", "a/z", "a/b/c", "a-b/x", "Z", ".hidden", "a/b.txt"}) {
    tree.file(path, 3);
  }
  tree.file("big", 100'000);
  fs::create_directories(tree.root + "/empty/folder");
  const DirectoryListing listing = walk_directory(tree.root).value();
  CHECK(paths(listing) ==
        Paths{".hidden", "Z", "a/b/c", "a/b.txt", "a/z", "a-b/x", "a.txt", "big"});
  CHECK(listing.files.back().size == 100'000);
  CHECK(listing.files.front().size == 3);
  CHECK(listing.left_out.empty());
}

TEST_CASE("links to files are followed, links to folders are not") {
  const Tree tree;
  tree.file("d/f", 7);
  tree.link("d/f", "to_file");
  tree.link("d", "to_folder");
  tree.link("..", "d/up");
  tree.link("nowhere", "dangling");
  REQUIRE(::mkfifo((tree.root + "/pipe").c_str(), 0600) == 0);
  const DirectoryListing listing = walk_directory(tree.root).value();
  CHECK(paths(listing) == Paths{"d/f", "to_file"});
  CHECK(listing.files[1].size == 7);
  REQUIRE(listing.left_out.size() == 4);
  CHECK(listing.left_out[0].path == "d/up");
  CHECK(listing.left_out[0].why == "link to a folder");
  CHECK(listing.left_out[1].why == "dangling link");
  CHECK(listing.left_out[2].why == "named pipe");
  CHECK(listing.left_out[3].path == "to_folder");
}

TEST_CASE("the root itself may be a link") {
  const Tree tree;
  tree.file("real/f");
  tree.link("real", "root");
  CHECK(paths(walk_directory(tree.root + "/root").value()) == Paths{"f"});
}

TEST_CASE("a link that leads back to itself is left out") {
  const Tree tree;
  tree.file("d/ok");
  tree.link("two", "d/one");
  tree.link("one", "d/two");
  const DirectoryListing listing = walk_directory(tree.root).value();
  CHECK(paths(listing) == Paths{"d/ok"});
  REQUIRE(listing.left_out.size() == 2);
  CHECK(listing.left_out[0].path == "d/one");
  CHECK(listing.left_out[0].why == "link to itself");
}

TEST_CASE("names are bytes") {
  const Tree tree;
  tree.file("a\nb");
  tree.file("\xff\xfe");
  tree.file("sp ace/\xc3\xa9");
  CHECK(paths(walk_directory(tree.root).value()) == Paths{"a\nb", "sp ace/\xc3\xa9", "\xff\xfe"});
}

TEST_CASE("a folder that is not there, is a file, or may not be read") {
  const Tree tree;
  tree.file("f");
  CHECK(walk_directory(tree.root + "/none").error().sys_error == ENOENT);
  CHECK(walk_directory(tree.root + "/f").error().sys_error == ENOTDIR);
  CHECK(walk_directory(tree.root + "/f").error().code == "walk_failed");
  if (::geteuid() == 0) return;  // root reads everything
  tree.file("closed/x");
  ::chmod((tree.root + "/closed").c_str(), 0);
  Result<DirectoryListing> listing = walk_directory(tree.root);
  ::chmod((tree.root + "/closed").c_str(), 0700);
  REQUIRE_FALSE(listing.has_value());
  CHECK(listing.error().sys_error == EACCES);
  CHECK(listing.error().path == tree.root + "/closed");
  CHECK_FALSE(listing.error().hint.empty());
}

TEST_CASE("a folder that is not wanted is not entered") {
  const Tree tree;
  tree.file(".git/objects/x");
  tree.file("a/.git/y");
  tree.file("a/z");
  Paths asked;
  const DirectoryListing listing =
      walk_directory(tree.root, {.enter =
                                     [&](std::string_view folder) {
                                       asked.emplace_back(folder);
                                       return !folder.ends_with(".git");
                                     }})
          .value();
  CHECK(paths(listing) == Paths{"a/z"});
  CHECK(asked == Paths{".git", "a", "a/.git"});
}

TEST_CASE("a walk ends when it is told to") {
  const Tree tree;
  tree.file("a/b/c");
  std::atomic<bool> stop = false;
  Result<DirectoryListing> listing = walk_directory(
      tree.root, {.enter = [&](std::string_view) { return stop = true; }, .stop = &stop});
  REQUIRE_FALSE(listing.has_value());
  CHECK(listing.error().kind == ErrorClass::cancelled);
}

TEST_CASE("depth costs no descriptors") {
  const Tree tree;
  std::string path;
  for (int i = 0; i < 200; ++i) path += "d/";
  tree.file(path + "f");
  rlimit before = {};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit few = before;
  few.rlim_cur = 50;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  Result<DirectoryListing> listing = walk_directory(tree.root);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(listing.has_value());
  CHECK(listing->files.size() == 1);
}

}  // namespace headrace
