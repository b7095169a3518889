#include "engine/plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "io/check.h"

namespace headrace {
namespace {

Status check_single(std::size_t count, std::uint64_t inline_bytes) {
  if (count <= single_commit_files_max && inline_bytes <= single_commit_inline_bytes_max) return {};
  return fail(make_error(ErrorClass::limit, "single_commit_too_large",
                         fmt::format("{} operations with {} bytes of inline content are more than "
                                     "one commit takes ({} and {})",
                                     count, inline_bytes, single_commit_files_max,
                                     single_commit_inline_bytes_max))
                  .at("plan")
                  .hinting("leave --single-commit out"));
}

}  // namespace

std::uint64_t part_count(std::uint64_t file_size, std::uint64_t chunk_size) {
  CHECK(chunk_size > 0);
  return file_size == 0 ? 0 : (file_size - 1) / chunk_size + 1;
}

PartRange part_range(std::uint64_t file_size, std::uint64_t chunk_size, std::uint32_t number) {
  CHECK(number >= 1);
  CHECK(number <= part_count(file_size, chunk_size));
  const std::uint64_t offset = (number - 1) * chunk_size;
  return {.number = number, .offset = offset, .size = std::min(chunk_size, file_size - offset)};
}

std::string commit_summary(std::string_view summary, std::size_t number) {
  if (number <= 1) return std::string(summary);
  return fmt::format("{} (part {})", summary, number);
}

Result<std::vector<CommitSlice>> split_commits(std::span<const CommitItem> items,
                                               const CommitLimits& limits,
                                               std::string_view summary) {
  if (limits.operations_max == 0 || limits.inline_bytes_max == 0) {
    return fail(make_error(ErrorClass::fail, "bad_commit_limits",
                           "a commit needs room for at least one operation and one byte")
                    .at("plan"));
  }
  std::vector<std::size_t> order;
  order.reserve(items.size());
  std::uint64_t inline_bytes = 0;
  for (bool deletes : {true, false}) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (items[i].deletes == deletes) order.push_back(i);
    }
  }
  for (const CommitItem& item : items) inline_bytes += item.inline_bytes;
  if (limits.single) {
    if (Status fits = check_single(items.size(), inline_bytes); !fits) {
      return fail(std::move(fits.error()));
    }
  }
  std::vector<CommitSlice> slices;
  for (std::size_t index : order) {
    const std::uint64_t bytes = items[index].inline_bytes;
    const bool full = !slices.empty() && !limits.single &&
                      (slices.back().items.size() >= limits.operations_max ||
                       slices.back().inline_bytes + bytes > limits.inline_bytes_max);
    if (slices.empty() || full) {
      slices.push_back({.items = {}, .summary = commit_summary(summary, slices.size() + 1)});
    }
    slices.back().items.push_back(index);
    slices.back().inline_bytes += bytes;
  }
  return slices;
}

}  // namespace headrace
