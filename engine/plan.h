// plan.h: how a file falls into parts and operations into commits. Pure; any thread.
//
// Source of the limits: the Hub gives a commit 60 s, which about 1,000 operations and 100 MiB of
// inline content fit; one commit of more than 25,000 files or 1 GB it does not take at all.
// Fails with: single_commit_too_large, bad_commit_limits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/error.h"

namespace headrace {

struct PartRange {
  std::uint32_t number = 0;  // from 1
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};
// 0 for an empty file; `chunk_size` is not 0.
std::uint64_t part_count(std::uint64_t file_size, std::uint64_t chunk_size);
PartRange part_range(std::uint64_t file_size, std::uint64_t chunk_size, std::uint32_t number);

struct CommitLimits {
  std::size_t operations_max = 1000;
  std::uint64_t inline_bytes_max = 100ULL << 20;
  bool single = false;  // one commit, whatever the two above say
};
inline constexpr std::size_t single_commit_files_max = 25'000;
inline constexpr std::uint64_t single_commit_inline_bytes_max = 1'000'000'000;

// What the split has to know of an operation.
struct CommitItem {
  bool deletes = false;
  std::uint64_t inline_bytes = 0;  // 0 for LFS files and deletions
};
struct CommitSlice {
  std::vector<std::size_t> items;  // indices, in the order in which they are committed
  std::string summary;
  std::uint64_t inline_bytes = 0;
};
// Deletions first, then the rest as given, each commit within the limits; a file that is larger
// than the inline limit alone has a commit of its own. No items: no commits.
Result<std::vector<CommitSlice>> split_commits(std::span<const CommitItem>, const CommitLimits&,
                                               std::string_view summary);
// `summary` for the first commit, `summary (part N)` from the second on.
std::string commit_summary(std::string_view summary, std::size_t number);

}  // namespace headrace
