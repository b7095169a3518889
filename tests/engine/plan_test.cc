#include "engine/plan.h"

#include <doctest/doctest.h>

namespace headrace {
namespace {

std::vector<CommitItem> files(std::size_t count, std::uint64_t bytes = 1) {
  return std::vector<CommitItem>(count, {.deletes = false, .inline_bytes = bytes});
}

std::vector<CommitSlice> split(const std::vector<CommitItem>& items,
                               const CommitLimits& limits = {}) {
  Result<std::vector<CommitSlice>> slices = split_commits(items, limits, "msg");
  REQUIRE(slices.has_value());
  return *slices;
}

}  // namespace

TEST_CASE("the parts of a file cover it once") {
  CHECK(part_count(0, 10) == 0);
  CHECK(part_count(1, 10) == 1);
  CHECK(part_count(10, 10) == 1);
  CHECK(part_count(11, 10) == 2);
  CHECK(part_count(~0ULL, ~0ULL) == 1);
  for (std::uint64_t size : {1ULL, 9ULL, 10ULL, 11ULL, 95ULL, 100ULL, (5ULL << 40) + 3}) {
    const std::uint64_t chunk = size > 1000 ? (1ULL << 30) : 10;
    std::uint64_t at = 0;
    for (std::uint32_t number = 1; number <= part_count(size, chunk); ++number) {
      const PartRange part = part_range(size, chunk, number);
      CHECK(part.offset == at);
      CHECK(part.size > 0);
      CHECK(part.size <= chunk);
      at += part.size;
    }
    CHECK(at == size);
  }
}

TEST_CASE("one commit up to the limits, more beyond them") {
  CHECK(split({}).empty());
  CHECK(split(files(1000)).size() == 1);
  const std::vector<CommitSlice> two = split(files(1001));
  REQUIRE(two.size() == 2);
  CHECK(two[0].items.size() == 1000);
  CHECK(two[0].summary == "msg");
  CHECK(two[1].items == std::vector<std::size_t>{1000});
  CHECK(two[1].summary == "msg (part 2)");
  CHECK(split(files(100, 1 << 20)).size() == 1);
  CHECK(split(files(101, 1 << 20)).size() == 2);
  CHECK(split(files(7), {.operations_max = 2}).size() == 4);
}

TEST_CASE("a file beyond the inline limit has a commit of its own") {
  const std::vector<CommitSlice> slices =
      split({{.inline_bytes = 5}, {.inline_bytes = 50}, {.inline_bytes = 5}, {}},
            {.inline_bytes_max = 10});
  REQUIRE(slices.size() == 3);
  CHECK(slices[1].items == std::vector<std::size_t>{1});
  CHECK(slices[2].items == std::vector<std::size_t>{2, 3});
  CHECK(slices[2].inline_bytes == 5);
}

TEST_CASE("deletions come first and keep their order") {
  std::vector<CommitItem> items = files(3);
  items.push_back({.deletes = true});
  items.push_back({.deletes = true});
  const std::vector<CommitSlice> slices = split(items, {.operations_max = 3});
  REQUIRE(slices.size() == 2);
  CHECK(slices[0].items == std::vector<std::size_t>{3, 4, 0});
  CHECK(slices[1].items == std::vector<std::size_t>{1, 2});
}

TEST_CASE("one commit where it is asked for, refused where the Hub would refuse it") {
  CHECK(split(files(25'000), {.single = true}).size() == 1);
  CHECK(split_commits(files(25'001), {.single = true}, "m").error().code ==
        "single_commit_too_large");
  CHECK(split(files(2, 500'000'000), {.single = true}).size() == 1);
  CHECK(split_commits(files(2, 500'000'001), {.single = true}, "m").error().code ==
        "single_commit_too_large");
  CHECK(split_commits(files(1), {.operations_max = 0}, "m").error().code == "bad_commit_limits");
  CHECK(split_commits(files(1), {.inline_bytes_max = 0}, "m").error().code == "bad_commit_limits");
}

}  // namespace headrace
