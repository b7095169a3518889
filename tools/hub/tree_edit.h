// tree_edit.h: one tree of a repository, read and changed by path.
// Sub-trees are loaded when a path leads through them and only changed ones are written again, so
// a commit costs what it touches. Holds every level it has seen: make one per request.
// Thread: one. Errors: those of the reader, and `path_conflict` where a file stands in the way of
// a folder or the other way round.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/hub/git_object.h"

namespace headrace::hub {

struct PathEntry {
  std::string path;
  std::uint32_t mode = mode_file;
  std::string id;
  bool is_tree() const { return mode == mode_tree; }
};

class TreeEdit {
 public:
  TreeEdit(ObjectReader reader, std::string root_id);
  ~TreeEdit();

  Result<std::optional<TreeEntry>> find(std::string_view path);  // "" is the root
  Status put_file(std::string_view path, std::string_view blob_id);
  // False: nothing of that kind stands there. Folders left empty go with their last file.
  Result<bool> remove(std::string_view path, bool folder);
  // Appends the new trees to `made` and returns the root's id.
  Result<std::string> write(std::vector<GitObject>& made);

 private:
  struct Node;
  struct Child;
  Result<Node*> load(Child& child);
  Result<Child*> child_at(std::string_view path);
  Result<std::string> write_node(Node& node, std::vector<GitObject>& made);

  ObjectReader reader_;
  std::unique_ptr<Child> root_;
};

// Every entry below `tree_id`, a folder before what it holds, names in git's order; folders
// themselves only with `folders`.
struct WalkOptions {
  std::string prefix;  // put before each path, with its final '/'
  bool recursive = true;
  bool folders = false;
};
Result<std::vector<PathEntry>> walk_tree(const ObjectReader& reader, std::string_view tree_id,
                                         const WalkOptions& options);

}  // namespace headrace::hub
