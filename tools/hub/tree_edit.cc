#include "tools/hub/tree_edit.h"

#include <utility>

#include <fmt/format.h>

namespace headrace::hub {

struct TreeEdit::Child {
  std::uint32_t mode = mode_file;
  std::string id;
  std::unique_ptr<Node> node;  // a tree that was loaded or made
  bool is_tree() const { return mode == mode_tree; }
};

struct TreeEdit::Node {
  std::map<std::string, Child, std::less<>> children;
  bool changed = false;
};

namespace {
Error path_conflict(std::string_view path, std::string_view what) {
  return make_error(ErrorClass::fail, "path_conflict", fmt::format("'{}' is {}", path, what));
}
// The first component of `path`, which is cut off it.
std::string_view take_component(std::string_view& path) {
  std::size_t slash = path.find('/');
  std::string_view name = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return name;
}
}  // namespace

TreeEdit::TreeEdit(ObjectReader reader, std::string root_id)
    : reader_(std::move(reader)), root_(std::make_unique<Child>()) {
  root_->mode = mode_tree;
  root_->id = std::move(root_id);
}
TreeEdit::~TreeEdit() = default;

Result<TreeEdit::Node*> TreeEdit::load(Child& child) {
  if (child.node) return child.node.get();
  auto node = std::make_unique<Node>();
  if (!child.id.empty()) {
    auto object = reader_(child.id);
    if (!object) return fail(std::move(object.error()));
    auto entries = parse_tree(object->bytes);
    if (!entries) return fail(std::move(entries.error()));
    for (TreeEntry& entry : *entries) {
      Child& made = node->children[std::move(entry.name)];
      made.mode = entry.mode;
      made.id = std::move(entry.id);
    }
  }
  child.node = std::move(node);
  return child.node.get();
}

Result<TreeEdit::Child*> TreeEdit::child_at(std::string_view path) {
  Child* at = root_.get();
  while (!path.empty()) {
    if (!at->is_tree()) return nullptr;
    auto node = load(*at);
    if (!node) return fail(std::move(node.error()));
    auto found = (*node)->children.find(take_component(path));
    if (found == (*node)->children.end()) return nullptr;
    at = &found->second;
  }
  return at;
}

Result<std::optional<TreeEntry>> TreeEdit::find(std::string_view path) {
  auto child = child_at(path);
  if (!child) return fail(std::move(child.error()));
  if (*child == nullptr) return std::nullopt;
  return TreeEntry{.name = std::string(path), .mode = (*child)->mode, .id = (*child)->id};
}

Status TreeEdit::put_file(std::string_view path, std::string_view blob_id) {
  Child* at = root_.get();
  std::string_view rest = path;
  for (;;) {
    auto node = load(*at);
    if (!node) return fail(std::move(node.error()));
    (*node)->changed = true;
    std::string_view name = take_component(rest);
    auto [found, added] = (*node)->children.try_emplace(std::string(name));
    at = &found->second;
    if (rest.empty()) break;
    if (added) at->mode = mode_tree;
    if (!at->is_tree()) return fail(path_conflict(path, "below a file of the repository"));
  }
  if (at->is_tree()) return fail(path_conflict(path, "a folder of the repository"));
  at->id = blob_id;
  return {};
}

Result<bool> TreeEdit::remove(std::string_view path, bool folder) {
  std::vector<std::pair<Node*, std::string>> trail;
  Child* at = root_.get();
  for (std::string_view rest = path; !rest.empty();) {
    if (!at->is_tree()) return false;
    auto node = load(*at);
    if (!node) return fail(std::move(node.error()));
    auto found = (*node)->children.find(take_component(rest));
    if (found == (*node)->children.end()) return false;
    trail.emplace_back(*node, found->first);
    at = &found->second;
  }
  if (at->is_tree() != folder || trail.empty()) return false;
  // A folder that an earlier line of the same commit emptied is pruned on the way up.
  for (bool first = true; !trail.empty(); trail.pop_back(), first = false) {
    auto& [node, name] = trail.back();
    node->changed = true;
    auto child = node->children.find(name);
    if (first || (child->second.node && child->second.node->children.empty())) {
      node->children.erase(child);
    }
  }
  return true;
}

Result<std::string> TreeEdit::write(std::vector<GitObject>& made) {
  auto node = load(*root_);
  if (!node) return fail(std::move(node.error()));
  if (!(*node)->changed && !root_->id.empty()) return root_->id;
  return write_node(**node, made);
}

Result<std::string> TreeEdit::write_node(Node& node, std::vector<GitObject>& made) {
  std::vector<TreeEntry> entries;
  for (auto& [name, child] : node.children) {
    if (child.node && child.node->changed) {
      auto id = write_node(*child.node, made);
      if (!id) return id;
      child.id = std::move(*id);
    }
    entries.push_back({.name = name, .mode = child.mode, .id = child.id});
  }
  node.changed = false;
  GitObject tree = make_tree(std::move(entries));
  std::string id = tree.id;
  made.push_back(std::move(tree));
  return id;
}

Result<std::vector<PathEntry>> walk_tree(const ObjectReader& reader, std::string_view tree_id,
                                         const WalkOptions& options) {
  struct Pending {
    std::vector<TreeEntry> entries;
    std::size_t next = 0;
    std::string prefix;
  };
  std::vector<PathEntry> found;
  std::vector<Pending> stack;
  auto descend = [&](std::string_view id, std::string prefix) -> Status {
    auto object = reader(id);
    if (!object) return fail(std::move(object.error()));
    auto entries = parse_tree(object->bytes);
    if (!entries) return fail(std::move(entries.error()));
    stack.push_back({.entries = std::move(*entries), .prefix = std::move(prefix)});
    return {};
  };
  if (auto down = descend(tree_id, options.prefix); !down) return fail(std::move(down.error()));
  while (!stack.empty()) {
    Pending& level = stack.back();
    if (level.next == level.entries.size()) {
      stack.pop_back();
      continue;
    }
    const TreeEntry& entry = level.entries[level.next++];
    std::string path = level.prefix + entry.name;
    std::string id = entry.id;
    bool tree = entry.is_tree();
    if (!tree || options.folders) found.push_back({.path = path, .mode = entry.mode, .id = id});
    if (!tree || !options.recursive) continue;
    if (auto down = descend(id, path + "/"); !down) return fail(std::move(down.error()));
  }
  return found;
}

}  // namespace headrace::hub
