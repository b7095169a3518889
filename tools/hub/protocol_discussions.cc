// Discussions and pull requests: opened, listed and shown.
// Each is a document of its repository, discussions/N, with N from 1 without gaps; a pull request
// also has the ref refs/pr/N.
#include <fmt/format.h>

#include "tools/hub/encoding.h"
#include "tools/hub/json.h"
#include "tools/hub/protocol_request.h"

namespace headrace::hub {
namespace {

std::string document_name(std::uint64_t number) { return fmt::format("discussions/{}", number); }

Json shown(const Json& discussion, const RepoId& repo) {
  Json json = discussion;
  json["repo"] = {{"name", repo.name}, {"type", repo.type}};
  json["author"] = {{"name", text_member(discussion, "author").value_or("")}};
  return json;
}

}  // namespace

Protocol::Outcome<std::uint64_t> Protocol::add_discussion(const RepoId& repo,
                                                          const NewDiscussion& fresh) {
  std::uint64_t number = 1;
  while (store_.document(repo, document_name(number))) ++number;
  std::string created = iso_time(options_.now());
  Json comment = {
      {"id", sha256_hex(fmt::format("{}/{}/{}", repo.type, repo.name, number)).substr(0, 24)},
      {"type", "comment"},
      {"createdAt", created},
      {"author", {{"name", fresh.author}}},
      {"data",
       {{"edited", false},
        {"hidden", false},
        {"latest", {{"raw", fresh.description}, {"html", ""}, {"updatedAt", created}}},
        {"history", Json::array()}}}};
  Json document = {{"num", number},
                   {"title", fresh.title},
                   {"status", fresh.status},
                   {"author", fresh.author},
                   {"createdAt", created},
                   {"isPullRequest", !fresh.commit.empty()},
                   {"events", Json::array({std::move(comment)})}};
  if (!fresh.commit.empty()) {
    document["changes"] = {{"base", fresh.base}};
    document["filesWithConflicts"] = false;
  }
  // The ref comes last: a number without a ref is a pull request that never was, and the next one
  // takes the next number.
  auto kept = store_.set_document(repo, document_name(number), dump_json(document));
  if (!kept) return std::unexpected(failure_answer(kept.error()));
  if (fresh.commit.empty()) return number;
  auto moved = store_.move_ref(repo, fmt::format("refs/pr/{}", number), "", fresh.commit);
  if (!moved) return std::unexpected(failure_answer(moved.error()));
  return number;
}

Answer Protocol::create_discussion(Request& request) {
  if (!request.args.empty())
    return error_answer(404, "this hub keeps discussions as they were opened");
  Json body = parse_json(request.call.body);
  auto title = text_member(body, "title");
  if (!title || title->empty()) return error_answer(400, "a discussion needs a title");
  bool pull_request = flag_member(body, "pullRequest");
  std::scoped_lock lock(change_mutex_);
  NewDiscussion fresh{.title = std::move(*title),
                      .description = text_member(body, "description").value_or(""),
                      .author = request.user,
                      .status = pull_request ? "draft" : "open"};
  if (pull_request) {
    auto head = resolve(request.repo, "main");
    if (!head) return std::move(head.error());
    fresh.commit = head->commit;
    fresh.base = head->name;
  }
  auto number = add_discussion(request.repo, fresh);
  if (!number) return std::move(number.error());
  return json_answer(200, dump_json({{"num", *number}, {"pullRequest", pull_request}}));
}

Answer Protocol::list_discussions(Request& request) {
  if (!request.args.empty()) return show_discussion(request);
  auto refs = store_.refs(request.repo);
  if (!refs) return failure_answer(refs.error());
  auto has_ref = [&](std::uint64_t number) {
    std::string name = fmt::format("refs/pr/{}", number);
    for (const Ref& ref : *refs) {
      if (ref.name == name) return true;
    }
    return false;
  };
  Json list = Json::array();
  for (std::uint64_t number = 1;; ++number) {
    auto document = store_.document(request.repo, document_name(number));
    if (!document) break;
    Json discussion = parse_json(*document);
    if (flag_member(discussion, "isPullRequest") && !has_ref(number)) continue;
    discussion.erase("events");
    list.insert(list.begin(), shown(discussion, request.repo));
  }
  // All on one page, whatever page was asked for beyond the first: clients add up what came.
  auto page = request.target.find("p").value_or(request.target.find("page_index").value_or("0"));
  std::size_t count = list.size();
  bool first = page == "0" || page.empty();
  Json body = {{"discussions", first ? std::move(list) : Json::array()},
               {"count", count},
               {"start", first ? 0 : count}};
  return json_answer(200, dump_json(body));
}

Answer Protocol::show_discussion(Request& request) {
  auto number = parse_number(request.args[0]);
  if (!number || request.args.size() > 1) return error_answer(404, "no such discussion");
  auto document = store_.document(request.repo, document_name(*number));
  if (!document) return error_answer(404, "no such discussion");
  return json_answer(200, dump_json(shown(parse_json(*document), request.repo)));
}

}  // namespace headrace::hub
