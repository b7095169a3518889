// Repositories and their refs.
#include <algorithm>

#include <fmt/format.h>

#include "tools/hub/encoding.h"
#include "tools/hub/json.h"
#include "tools/hub/path_rules.h"
#include "tools/hub/protocol_request.h"

namespace headrace::hub {
namespace {

constexpr std::string_view branch_prefix = "refs/heads/";
constexpr std::string_view tag_prefix = "refs/tags/";
constexpr std::string_view pull_prefix = "refs/pr/";

// The repository that a create or delete call speaks of.
std::expected<RepoId, Answer> named_repo(const Json& body, std::string_view user) {
  RepoId repo{.type = text_member(body, "type").value_or("model"),
              .name = text_member(body, "name").value_or("")};
  if (type_of_segment(repo.type + "s").empty()) return refuse(400, "unknown repository type");
  if (!repo.name.contains('/')) {
    repo.name = text_member(body, "organization").value_or(std::string(user)) + "/" + repo.name;
  }
  if (!valid_repo_name(repo.name)) {
    return refuse(400, fmt::format("'{}' is not a valid repository name", repo.name));
  }
  return repo;
}

Json ref_json(const Ref& ref, std::string_view prefix) {
  return {
      {"name", ref.name.substr(prefix.size())}, {"ref", ref.name}, {"targetCommit", ref.commit}};
}

}  // namespace

Answer Protocol::create_repo(Request& request) {
  Json body = parse_json(request.call.body);
  if (!body.is_object()) return error_answer(400, "the body must be a JSON object");
  auto repo = named_repo(body, request.user);
  if (!repo) return std::move(repo.error());
  auto sdk = text_member(body, "sdk");
  if (repo->type == "space" && !sdk) return error_answer(400, "a space needs the member 'sdk'");

  Json record = {{"private", flag_member(body, "private") ||
                                 text_member(body, "visibility").value_or("public") != "public"},
                 {"createdAt", options_.now()}};
  if (auto threshold = number_member(body, "lfsmultipartthresh")) {
    record["multipartThreshold"] = *threshold;
  }
  if (sdk) record["sdk"] = *sdk;

  GitObject attributes = make_object(ObjectType::blob, default_gitattributes());
  GitObject tree = make_tree({{.name = ".gitattributes", .id = attributes.id}});
  GitObject commit = make_commit({.tree = tree.id,
                                  .author = request.user,
                                  .when = options_.now(),
                                  .message = "initial commit"});
  Ref main{.name = "refs/heads/main", .commit = commit.id};
  std::vector<GitObject> objects = {std::move(attributes), std::move(tree), std::move(commit)};
  std::scoped_lock lock(change_mutex_);
  auto made = store_.create_repo(*repo, objects, main, dump_json(record));
  Json answer = {{"url", request.call.origin + web_prefix(*repo)}, {"name", repo->name}};
  if (made) return json_answer(200, dump_json(answer));
  if (!is_code(made.error(), "store_exists")) return failure_answer(made.error());
  // Clients that allow an existing repository read the address from this answer as well.
  answer["error"] = "You already created this " + repo->type + " repo";
  return json_answer(409, dump_json(answer));
}

Answer Protocol::delete_repo(Request& request) {
  Json body = parse_json(request.call.body);
  auto repo = named_repo(body, request.user);
  if (!repo) return std::move(repo.error());
  std::scoped_lock lock(change_mutex_);
  if (auto removed = store_.remove_repo(*repo); !removed) return failure_answer(removed.error());
  uploads_.remove_repo(*repo);
  return json_answer(200, "{}");
}

Answer Protocol::auth_check(Request&) { return json_answer(200, "{}"); }

Answer Protocol::repo_info(Request& request) {
  std::string revision = request.joined_args();
  auto head = resolve(request.repo, revision.empty() ? "main" : revision);
  if (!head) return std::move(head.error());
  auto commit = commit_of(request.repo, head->commit);
  if (!commit) return std::move(commit.error());
  auto files = walk_tree(reader(request.repo), commit->tree, {});
  if (!files) return failure_answer(files.error());

  bool blobs = request.target.flag("blobs");
  Json siblings = Json::array();
  for (const PathEntry& file : *files) {
    Json sibling = {{"rfilename", file.path}};
    if (blobs) {
      auto info = file_info(request.repo, file.id);
      if (!info) return std::move(info.error());
      sibling["size"] = info->size;
      sibling["blobId"] = file.id;
      if (!info->lfs_oid.empty()) {
        sibling["lfs"] = {
            {"sha256", info->lfs_oid}, {"size", info->size}, {"pointerSize", info->blob_size}};
      }
    }
    siblings.push_back(std::move(sibling));
  }
  Json record = parse_json(request.record);
  std::string space = request.repo.name.substr(0, request.repo.name.find('/'));
  auto created = static_cast<std::int64_t>(number_member(record, "createdAt").value_or(0));
  Json body = {{"_id", sha256_hex(request.repo.type + "/" + request.repo.name).substr(0, 24)},
               {"id", request.repo.name},
               {"author", space},
               {"sha", head->commit},
               {"private", flag_member(record, "private")},
               {"disabled", false},
               {"gated", false},
               {"downloads", 0},
               {"likes", 0},
               {"tags", Json::array()},
               {"createdAt", iso_time(created)},
               {"lastModified", iso_time(commit->when)},
               {"siblings", std::move(siblings)}};
  if (request.repo.type == "model") body["modelId"] = request.repo.name;
  if (auto sdk = text_member(record, "sdk")) body["sdk"] = *sdk;
  return json_answer(200, dump_json(body));
}

ObjectReader Protocol::reader(const RepoId& repo) {
  return [this, repo](std::string_view id) { return store_.object(repo, id); };
}

Protocol::Outcome<CommitObject> Protocol::commit_of(const RepoId& repo, std::string_view id) {
  auto object = store_.object(repo, id);
  if (!object) return std::unexpected(failure_answer(object.error()));
  auto commit = parse_commit(object->bytes);
  if (!commit) return std::unexpected(failure_answer(commit.error()));
  return std::move(*commit);
}

Protocol::Outcome<Ref> Protocol::resolve(const RepoId& repo, std::string_view revision) {
  auto refs = store_.refs(repo);
  if (!refs) return std::unexpected(failure_answer(refs.error()));
  for (std::string_view prefix : {std::string_view(), branch_prefix, tag_prefix}) {
    std::string name = fmt::format("{}{}", prefix, revision);
    auto found = std::ranges::find(*refs, name, &Ref::name);
    if (found != refs->end()) return *found;
  }
  if (is_hex(revision, 40, 40)) {
    auto object = store_.object(repo, revision);
    if (object && object->type == ObjectType::commit) {
      return Ref{.name = "", .commit = std::string(revision)};
    }
  }
  return refuse(404, fmt::format("Invalid rev id: {}", revision), "RevisionNotFound");
}

Answer Protocol::list_refs(Request& request) {
  auto refs = store_.refs(request.repo);
  if (!refs) return failure_answer(refs.error());
  Json branches = Json::array(), tags = Json::array(), pulls = Json::array();
  for (const Ref& ref : *refs) {
    if (ref.name.starts_with(branch_prefix)) branches.push_back(ref_json(ref, branch_prefix));
    if (ref.name.starts_with(tag_prefix)) tags.push_back(ref_json(ref, tag_prefix));
    if (ref.name.starts_with(pull_prefix)) pulls.push_back(ref_json(ref, pull_prefix));
  }
  Json body = {{"branches", branches}, {"converts", Json::array()}, {"tags", tags}};
  if (request.target.flag("include_prs") || request.target.flag("include_pull_requests")) {
    body["pullRequests"] = pulls;
  }
  return json_answer(200, dump_json(body));
}

Answer Protocol::create_branch(Request& request) {
  std::string branch = request.joined_args();
  if (!valid_ref_name(branch)) return error_answer(400, "this is not a valid branch name");
  std::string start = text_member(parse_json(request.call.body), "startingPoint").value_or("main");
  std::scoped_lock lock(change_mutex_);
  auto from = resolve(request.repo, start);
  if (!from) return std::move(from.error());
  std::string name = fmt::format("{}{}", branch_prefix, branch);
  auto moved = store_.move_ref(request.repo, name, "", from->commit);
  if (moved) return json_answer(200, "{}");
  if (!is_code(moved.error(), "store_conflict")) return failure_answer(moved.error());
  return error_answer(409, fmt::format("Reference already exists: {}", name));
}

Answer Protocol::delete_branch(Request& request) {
  std::string branch = request.joined_args();
  if (branch == "main") return error_answer(400, "the branch main cannot be removed");
  std::scoped_lock lock(change_mutex_);
  auto ref = resolve(request.repo, fmt::format("{}{}", branch_prefix, branch));
  if (!ref) return std::move(ref.error());
  auto moved = store_.move_ref(request.repo, ref->name, ref->commit, "");
  return moved ? json_answer(200, "{}") : failure_answer(moved.error());
}

Answer Protocol::create_tag(Request& request) {
  auto tag = text_member(parse_json(request.call.body), "tag");
  if (!tag || !valid_ref_name(*tag)) return error_answer(400, "this is not a valid tag name");
  std::scoped_lock lock(change_mutex_);
  auto from = resolve(request.repo, request.joined_args());
  if (!from) return std::move(from.error());
  auto moved =
      store_.move_ref(request.repo, fmt::format("{}{}", tag_prefix, *tag), "", from->commit);
  if (moved) return json_answer(200, "{}");
  if (!is_code(moved.error(), "store_conflict")) return failure_answer(moved.error());
  return error_answer(409, fmt::format("Tag reference exists already: {}", *tag));
}

Answer Protocol::delete_tag(Request& request) {
  std::scoped_lock lock(change_mutex_);
  auto ref = resolve(request.repo, fmt::format("{}{}", tag_prefix, request.joined_args()));
  if (!ref) return std::move(ref.error());
  auto moved = store_.move_ref(request.repo, ref->name, ref->commit, "");
  return moved ? json_answer(200, "{}") : failure_answer(moved.error());
}

Answer Protocol::list_commits(Request& request) {
  constexpr std::uint64_t page_size = 50;
  auto head = resolve(request.repo, request.joined_args());
  if (!head) return std::move(head.error());
  std::uint64_t page = parse_number(request.target.find("p").value_or("0")).value_or(0);
  Json commits = Json::array();
  std::string id = head->commit;
  for (std::uint64_t index = 0; !id.empty(); ++index) {
    if (index == (page + 1) * page_size) break;
    auto commit = commit_of(request.repo, id);
    if (!commit) return std::move(commit.error());
    if (index >= page * page_size) {
      std::size_t title_end = std::min(commit->message.find('\n'), commit->message.size());
      std::size_t text = commit->message.find_first_not_of('\n', title_end);
      commits.push_back({{"id", id},
                         {"title", commit->message.substr(0, title_end)},
                         {"message", text == std::string::npos ? "" : commit->message.substr(text)},
                         {"date", iso_time(commit->when)},
                         {"authors", Json::array({{{"user", commit->author}}})}});
    }
    id = commit->parents.empty() ? "" : commit->parents.front();
  }
  Answer answer = json_answer(200, dump_json(commits));
  if (!id.empty()) {
    answer.headers.set(
        "Link", fmt::format("<{}{}/commits/{}?p={}>; rel=\"next\"", request.call.origin,
                            api_prefix(request.repo), percent_encode(head->commit), page + 1));
  }
  return answer;
}

}  // namespace headrace::hub
