#include "tools/hub/git_object.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

#include "tools/hub/encoding.h"

namespace headrace::hub {
namespace {

Error damaged(std::string_view what) {
  return make_error(ErrorClass::fail, "git_object_damaged", what);
}

// One header line "key value\n" off the front; nothing if another key stands there.
std::optional<std::string_view> take_line(std::string_view& rest, std::string_view key) {
  if (!rest.starts_with(key) || rest.size() <= key.size() || rest[key.size()] != ' ')
    return std::nullopt;
  std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view value = rest.substr(key.size() + 1, end - key.size() - 1);
  rest.remove_prefix(end + 1);
  return value;
}

}  // namespace

std::string_view name_of(ObjectType type) {
  switch (type) {
    case ObjectType::commit:
      return "commit";
    case ObjectType::tree:
      return "tree";
    case ObjectType::blob:
      return "blob";
  }
  return "";
}

GitObject make_object(ObjectType type, std::string bytes) {
  Digest digest(Digest::Kind::sha1);
  digest.update(fmt::format("{} {}", name_of(type), bytes.size()));
  digest.update(std::string_view("\0", 1));
  digest.update(bytes);
  return {.type = type, .id = digest.finish_hex(), .bytes = std::move(bytes)};
}

Result<std::vector<TreeEntry>> parse_tree(std::string_view bytes) {
  std::vector<TreeEntry> entries;
  while (!bytes.empty()) {
    TreeEntry entry;
    auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), entry.mode, 8);
    auto digits = static_cast<std::size_t>(end - bytes.data());
    std::size_t zero = bytes.find('\0');
    if (error != std::errc() || zero == std::string_view::npos || zero <= digits ||
        bytes[digits] != ' ' || bytes.size() < zero + 21) {
      return fail(damaged("a tree of the repository is damaged"));
    }
    entry.name = bytes.substr(digits + 1, zero - digits - 1);
    entry.id = hex(bytes.substr(zero + 1, 20));
    bytes.remove_prefix(zero + 21);
    entries.push_back(std::move(entry));
  }
  return entries;
}

GitObject make_tree(std::vector<TreeEntry> entries) {
  auto sort_name = [](const TreeEntry& entry) { return entry.name + (entry.is_tree() ? "/" : ""); };
  std::ranges::sort(entries, {}, sort_name);
  std::string bytes;
  for (const TreeEntry& entry : entries) {
    fmt::format_to(std::back_inserter(bytes), "{:o} {}", entry.mode, entry.name);
    bytes += '\0';
    bytes += unhex(entry.id).value_or("");
  }
  return make_object(ObjectType::tree, std::move(bytes));
}

GitObject make_commit(const CommitObject& commit) {
  std::string bytes = fmt::format("tree {}\n", commit.tree);
  for (const std::string& parent : commit.parents) bytes += fmt::format("parent {}\n", parent);
  // A name must not break the line's grammar: git ends it at '<' and at a newline.
  std::string name = commit.author;
  std::erase_if(name, [](char c) { return c == '<' || c == '>' || c == '\n' || c == '\0'; });
  for (std::string_view role : {"author", "committer"}) {
    bytes += fmt::format("{} {} <{}@headrace.invalid> {} +0000\n", role, name, name, commit.when);
  }
  bytes += fmt::format("\n{}\n", commit.message);
  return make_object(ObjectType::commit, std::move(bytes));
}

Result<CommitObject> parse_commit(std::string_view bytes) {
  CommitObject commit;
  auto tree = take_line(bytes, "tree");
  if (!tree) return fail(damaged("a commit of the repository is damaged"));
  commit.tree = *tree;
  while (auto parent = take_line(bytes, "parent")) commit.parents.emplace_back(*parent);
  if (auto author = take_line(bytes, "author")) {
    commit.author = author->substr(0, author->find(" <"));
    std::size_t mail_end = author->rfind("> ");
    if (mail_end != std::string_view::npos) {
      std::string_view when = author->substr(mail_end + 2);
      commit.when =
          static_cast<std::int64_t>(parse_number(when.substr(0, when.find(' '))).value_or(0));
    }
  }
  std::size_t blank = bytes.starts_with('\n') ? 0 : bytes.find("\n\n");
  if (blank != std::string_view::npos) {
    commit.message = bytes.substr(bytes.starts_with('\n') ? 1 : blank + 2);
    while (commit.message.ends_with('\n')) commit.message.pop_back();
  }
  return commit;
}

std::string pointer_text(const LfsPointer& pointer) {
  return fmt::format("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n",
                     pointer.oid, pointer.size);
}

std::optional<LfsPointer> parse_pointer(std::string_view text) {
  if (text.size() > pointer_size_max) return std::nullopt;
  if (take_line(text, "version") != "https://git-lfs.github.com/spec/v1") return std::nullopt;
  auto oid = take_line(text, "oid");
  auto size = take_line(text, "size");
  if (!oid || !size || !oid->starts_with("sha256:")) return std::nullopt;
  oid->remove_prefix(7);
  auto bytes = parse_number(*size);
  if (!is_hex(*oid, 64, 64) || !bytes) return std::nullopt;
  return LfsPointer{.oid = std::string(*oid), .size = *bytes};
}

}  // namespace headrace::hub
