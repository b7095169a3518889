// The commit endpoint: lines of JSON in, one git commit out, whole or not at all.
// The body is taken line by line; contents become git objects as they come, and only the last
// step, under the lock, looks at the branch and moves it.
#include <algorithm>

#include <fmt/format.h>

#include "io/ascii.h"
#include "tools/hub/encoding.h"
#include "tools/hub/json.h"
#include "tools/hub/path_rules.h"
#include "tools/hub/protocol_request.h"
#include "tools/hub/tree_edit.h"

namespace headrace::hub {
namespace {

// One file in base64 with its JSON. Regular files of clients stay below 10 MB; 256 MiB leaves
// room for an odd client and keeps a line from filling the memory.
constexpr std::size_t line_size_max = std::size_t{256} << 20;
// Contents waiting to be written: as many as make a write to disk worth its while.
constexpr std::size_t pending_bytes_max = std::size_t{32} << 20;

struct CommitHeader {
  std::string summary;
  std::string description;
  std::string parent;
};

struct Change {
  enum class Kind { put, remove_file, remove_folder };
  Kind kind = Kind::put;
  std::string path;
  std::string blob;
  bool lfs = false;
};

}  // namespace

class CommitReceiver final : public Receiver {
 public:
  CommitReceiver(Protocol& protocol, const Protocol::Request& request, bool create_pr)
      : hub_(protocol),
        repo_(request.repo),
        user_(request.user),
        revision_(request.joined_args()),
        origin_(request.call.origin),
        create_pr_(create_pr) {}

  Status write(std::span<const std::byte> bytes) override;
  Answer finish() override;

 private:
  using Done = Protocol::Outcome<void>;
  Done take_line(std::string_view line);
  Done take_header(const Json& value);
  Done take_file(const Json& value);
  Done take_lfs_file(const Json& value);
  Done take_deletion(const Json& value, bool folder);
  Protocol::Outcome<std::string> path_in(const Json& value);
  Done flush();
  Protocol::Outcome<Answer> commit();
  Protocol::Outcome<Ref> base_commit();
  Done apply(TreeEdit& tree);
  Done cover_lfs_files(TreeEdit& tree);
  Protocol::Outcome<Answer> open_pull_request(const Ref& base, const std::string& commit);
  Json result(const std::string& commit) const;

  Protocol& hub_;
  const RepoId repo_;
  const std::string user_;
  const std::string revision_;
  const std::string origin_;
  const bool create_pr_;
  std::string partial_;  // the beginning of a line
  std::size_t lines_ = 0;
  std::optional<CommitHeader> header_;
  std::vector<Change> changes_;
  std::vector<GitObject> pending_;
  std::size_t pending_bytes_ = 0;
  Done state_;  // the first thing that was wrong
};

Status CommitReceiver::write(std::span<const std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (state_ && !text.empty()) {
    std::size_t end = text.find('\n');
    std::string_view piece = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (partial_.size() + piece.size() > line_size_max) {
      state_ = refuse(413, "a line of the commit is too long");
    } else if (end == std::string_view::npos) {
      partial_ += piece;
    } else if (partial_.empty()) {
      state_ = take_line(piece);
    } else {
      partial_ += piece;
      state_ = take_line(partial_);
      partial_.clear();
    }
  }
  if (state_) return {};
  return fail(
      make_error(ErrorClass::fail, "commit_refused", "the commit's body is not acceptable"));
}

Answer CommitReceiver::finish() {
  if (state_ && !partial_.empty()) state_ = take_line(partial_);
  if (state_ && !header_) state_ = refuse(400, "the commit has no header line");
  if (state_) state_ = flush();
  if (!state_) return std::move(state_.error());
  auto answer = commit();
  return answer ? std::move(*answer) : std::move(answer.error());
}

CommitReceiver::Done CommitReceiver::take_line(std::string_view line) {
  ++lines_;
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return {};
  Json entry = parse_json(line);
  auto key = text_member(entry, "key");
  const Json* value = member(entry, "value");
  if (!key || value == nullptr || !value->is_object()) {
    return refuse(400, fmt::format("line {} of the commit is not {{\"key\",\"value\"}}", lines_));
  }
  if (*key == "header") return take_header(*value);
  if (!header_) return refuse(400, "the first line of a commit must be its header");
  if (member(*value, "oldPath") != nullptr) return refuse(400, "renaming is not offered here");
  if (*key == "file") return take_file(*value);
  if (*key == "lfsFile") return take_lfs_file(*value);
  if (*key == "deletedFile") return take_deletion(*value, false);
  if (*key == "deletedFolder") return take_deletion(*value, true);
  return refuse(400, fmt::format("line {} has the unknown key '{}'", lines_, *key));
}

CommitReceiver::Done CommitReceiver::take_header(const Json& value) {
  if (header_) return refuse(400, "a commit has one header line");
  CommitHeader header{.summary = text_member(value, "summary").value_or(""),
                      .description = text_member(value, "description").value_or(""),
                      .parent = text_member(value, "parentCommit").value_or("")};
  if (header.summary.empty()) return refuse(400, "the commit needs a summary");
  if (!header.parent.empty() && !is_hex(header.parent, 5, 40)) {
    return refuse(400, "parentCommit must be 5 to 40 hex digits");
  }
  header.parent = lowered(header.parent);
  header_ = std::move(header);
  return {};
}

Protocol::Outcome<std::string> CommitReceiver::path_in(const Json& value) {
  std::string path = text_member(value, "path").value_or("");
  if (valid_repo_path(path)) return path;
  return refuse(400,
                fmt::format("line {}: '{}' is not a valid path in a repository", lines_, path));
}

CommitReceiver::Done CommitReceiver::take_file(const Json& value) {
  auto path = path_in(value);
  if (!path) return std::unexpected(std::move(path.error()));
  auto content = text_member(value, "content");
  std::string encoding = text_member(value, "encoding").value_or("utf-8");
  if (content && encoding == "base64") content = base64_decode(*content);
  if (!content || (encoding != "base64" && encoding != "utf-8")) {
    return refuse(400, fmt::format("line {}: the content is not valid {}", lines_, encoding));
  }
  GitObject blob = make_object(ObjectType::blob, std::move(*content));
  changes_.push_back({.path = std::move(*path), .blob = blob.id});
  pending_bytes_ += blob.bytes.size();
  pending_.push_back(std::move(blob));
  if (pending_bytes_ >= pending_bytes_max) return flush();
  return {};
}

CommitReceiver::Done CommitReceiver::take_lfs_file(const Json& value) {
  auto path = path_in(value);
  if (!path) return std::unexpected(std::move(path.error()));
  std::string oid = lowered(text_member(value, "oid").value_or(""));
  if (!is_hex(oid, 64, 64) || text_member(value, "algo").value_or("sha256") != "sha256") {
    return refuse(400, fmt::format("line {}: an LFS file needs a sha256 'oid'", lines_));
  }
  // Copies name no size; and only what this repository received may be named at all.
  auto size = hub_.lfs_size(repo_, oid);
  if (!size) {
    return refuse(400, fmt::format("the LFS object {} of '{}' was not uploaded to this repository",
                                   oid, *path));
  }
  if (number_member(value, "size").value_or(*size) != *size) {
    return refuse(400, fmt::format("the LFS object of '{}' has another size", *path));
  }
  GitObject blob = make_object(ObjectType::blob, pointer_text({.oid = oid, .size = *size}));
  changes_.push_back({.path = std::move(*path), .blob = blob.id, .lfs = true});
  pending_.push_back(std::move(blob));
  return {};
}

CommitReceiver::Done CommitReceiver::take_deletion(const Json& value, bool folder) {
  std::string path = text_member(value, "path").value_or("");
  while (folder && path.ends_with('/')) path.pop_back();
  if (!valid_repo_path(path)) return refuse(400, fmt::format("'{}' is not a valid path", path));
  changes_.push_back({.kind = folder ? Change::Kind::remove_folder : Change::Kind::remove_file,
                      .path = std::move(path)});
  return {};
}

CommitReceiver::Done CommitReceiver::flush() {
  auto written = hub_.store_.write_objects(repo_, pending_);
  pending_.clear();
  pending_bytes_ = 0;
  if (!written) return std::unexpected(failure_answer(written.error()));
  return {};
}

Protocol::Outcome<Ref> CommitReceiver::base_commit() {
  auto head = hub_.resolve(repo_, revision_);
  if (!head) return head;
  bool branch = head->name.starts_with("refs/heads/") || head->name.starts_with("refs/pr/");
  if (!branch && !create_pr_) {
    return refuse(404, fmt::format("'{}' is not a branch", revision_), "RevisionNotFound");
  }
  const std::string& parent = header_->parent;
  if (parent.empty() || head->commit.starts_with(parent)) return head;
  if (!create_pr_) {
    return refuse(412, "A commit has happened since. Please refresh and try again.");
  }
  // A pull request may start at an older commit of the branch.
  std::string id = head->commit;
  while (!id.empty() && !id.starts_with(parent)) {
    auto commit = hub_.commit_of(repo_, id);
    if (!commit) return std::unexpected(std::move(commit.error()));
    id = commit->parents.empty() ? "" : commit->parents.front();
  }
  if (id.empty()) return refuse(404, "the parent commit is not known", "RevisionNotFound");
  return Ref{.name = head->name, .commit = std::move(id)};
}

CommitReceiver::Done CommitReceiver::apply(TreeEdit& tree) {
  for (const Change& change : changes_) {
    if (change.kind == Change::Kind::put) {
      auto put = tree.put_file(change.path, change.blob);
      if (put) continue;
      if (is_code(put.error(), "path_conflict")) return refuse(400, put.error().message);
      return std::unexpected(failure_answer(put.error()));
    }
    bool folder = change.kind == Change::Kind::remove_folder;
    auto removed = tree.remove(change.path, folder);
    if (!removed) return std::unexpected(failure_answer(removed.error()));
    if (*removed) continue;
    return refuse(404,
                  fmt::format("A {} with this name doesn't exist: {}", folder ? "folder" : "file",
                              change.path),
                  "EntryNotFound");
  }
  return cover_lfs_files(tree);
}

// git smudges only what .gitattributes tracks, so a rule is added for each LFS file without one.
CommitReceiver::Done CommitReceiver::cover_lfs_files(TreeEdit& tree) {
  if (std::ranges::none_of(changes_, &Change::lfs)) return {};
  auto entry = tree.find(".gitattributes");
  if (!entry) return std::unexpected(failure_answer(entry.error()));
  std::string text;
  if (*entry && !(*entry)->is_tree()) {
    auto blob = hub_.store_.object(repo_, (*entry)->id);
    if (!blob) return std::unexpected(failure_answer(blob.error()));
    text = std::move(blob->bytes);
  }
  AttributeRules rules(text);
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  std::string added;
  for (const Change& change : changes_) {
    if (!change.lfs || rules.tracks_with_lfs(change.path)) continue;
    auto kept = tree.find(change.path);
    if (!kept) return std::unexpected(failure_answer(kept.error()));
    if (*kept && (*kept)->id == change.blob) added += lfs_rule(change.path);
  }
  if (added.empty()) return {};
  GitObject blob = make_object(ObjectType::blob, text + added);
  auto put = tree.put_file(".gitattributes", blob.id);
  if (!put) return refuse(400, put.error().message);
  pending_.push_back(std::move(blob));
  return {};
}

Json CommitReceiver::result(const std::string& commit) const {
  return {{"success", true},
          {"commitOid", commit},
          {"commitUrl", origin_ + web_prefix(repo_) + "/commit/" + commit},
          {"hookOutput", ""}};
}

Protocol::Outcome<Answer> CommitReceiver::commit() {
  std::scoped_lock lock(hub_.change_mutex_);
  auto base = base_commit();
  if (!base) return std::unexpected(std::move(base.error()));
  auto parent = hub_.commit_of(repo_, base->commit);
  if (!parent) return std::unexpected(std::move(parent.error()));
  TreeEdit tree(hub_.reader(repo_), parent->tree);
  if (auto applied = apply(tree); !applied) return std::unexpected(std::move(applied.error()));
  auto root = tree.write(pending_);
  if (!root) return std::unexpected(failure_answer(root.error()));
  std::string message = header_->summary;
  if (!header_->description.empty()) message += "\n\n" + header_->description;
  GitObject made = make_commit({.tree = std::move(*root),
                                .parents = {base->commit},
                                .author = user_,
                                .when = hub_.options_.now(),
                                .message = std::move(message)});
  std::string id = made.id;
  pending_.push_back(std::move(made));
  if (auto written = flush(); !written) return std::unexpected(std::move(written.error()));
  if (create_pr_) return open_pull_request(*base, id);
  auto moved = hub_.store_.move_ref(repo_, base->name, base->commit, id);
  if (!moved) return std::unexpected(failure_answer(moved.error()));
  return json_answer(200, dump_json(result(id)));
}

Protocol::Outcome<Answer> CommitReceiver::open_pull_request(const Ref& base,
                                                            const std::string& commit) {
  auto number = hub_.add_discussion(repo_, {.title = header_->summary,
                                            .description = header_->description,
                                            .author = user_,
                                            .status = "open",
                                            .commit = commit,
                                            .base = base.name});
  if (!number) return std::unexpected(std::move(number.error()));
  Json json = result(commit);
  json["pullRequestUrl"] = fmt::format("{}{}/discussions/{}", origin_, web_prefix(repo_), *number);
  return json_answer(200, dump_json(json));
}

Protocol::Received Protocol::receive_commit(Request& request) {
  bool create_pr = request.target.flag("create_pr");
  // An unknown revision is said before the body comes.
  auto head = resolve(request.repo, request.joined_args());
  if (!head) return std::move(head.error());
  return std::make_unique<CommitReceiver>(*this, request, create_pr);
}

}  // namespace headrace::hub
