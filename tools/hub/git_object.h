// git_object.h: git's objects as bytes: blobs, trees and commits, and the LFS pointer.
// Both stores keep the same bytes under the same ids, so that a repository in memory and one on
// disk agree to the commit id. Pure; formats as in git's documentation (gitformat-*, git-lfs
// pointer spec 1). Ids are lower-case hex.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/error.h"

namespace headrace::hub {

enum class ObjectType : std::uint8_t { commit, tree, blob };
std::string_view name_of(ObjectType);

struct GitObject {
  ObjectType type = ObjectType::blob;
  std::string id;
  std::string bytes;
};
GitObject make_object(ObjectType, std::string bytes);
using ObjectReader = std::function<Result<GitObject>(std::string_view id)>;

inline constexpr std::uint32_t mode_tree = 040000;
inline constexpr std::uint32_t mode_file = 0100644;

struct TreeEntry {
  std::string name;
  std::uint32_t mode = mode_file;
  std::string id;
  bool is_tree() const { return mode == mode_tree; }
};
Result<std::vector<TreeEntry>> parse_tree(std::string_view bytes);
// Sorts the entries as git wants them: a tree's name counts as if it ended with '/'.
GitObject make_tree(std::vector<TreeEntry> entries);

struct CommitObject {
  std::string tree;
  std::vector<std::string> parents;
  std::string author;  // name only; the address is made from it
  std::int64_t when = 0;
  std::string message;  // without the final newline
};
GitObject make_commit(const CommitObject&);
Result<CommitObject> parse_commit(std::string_view bytes);

struct LfsPointer {
  std::string oid;
  std::uint64_t size = 0;
};
inline constexpr std::size_t pointer_size_max = 200;
std::string pointer_text(const LfsPointer&);
std::optional<LfsPointer> parse_pointer(std::string_view text);

}  // namespace headrace::hub
