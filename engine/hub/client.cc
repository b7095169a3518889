#include "engine/hub/client.h"

#include <fmt/format.h>

#include "io/worker.h"

namespace headrace {
namespace {

constexpr std::string_view json_type = "application/json";
constexpr std::string_view lfs_type = "application/vnd.git-lfs+json";

std::string_view code_of(const HttpAnswer& answer) {
  std::string_view code = answer.headers.value_or("x-error-code", "");
  if (code == "RepoNotFound") return "repo_not_found";
  if (code == "RevisionNotFound") return "revision_not_found";
  if (code == "EntryNotFound") return "entry_not_found";
  if (code == "GatedRepo") return "gated_repo";
  if (answer.status == 401) return "not_authenticated";
  if (answer.status == 403) return "not_allowed";
  if (answer.status == 429) return "rate_limited";
  return "http_status";
}

std::string_view hint_of(std::string_view code, bool with_token) {
  if (code == "repo_not_found") {
    return with_token ? "check the repo's name and type, and that the token may see it"
                      : "check the repo's name and type; a private repo needs a token (--token or "
                        "HF_TOKEN)";
  }
  if (code == "revision_not_found")
    return "check --revision; a new branch needs a token that may write";
  if (code == "not_authenticated") {
    return with_token ? "the token is not valid here: make a new one in your settings on the Hub"
                      : "give a token with write access: --token, HF_TOKEN, or `hf auth login`";
  }
  if (code == "not_allowed")
    return "the token may not do this: use one with write access to the repo";
  if (code == "gated_repo") return "ask for access on the repo's page";
  if (code == "rate_limited") return "wait a few minutes and run the same command again";
  return "";
}

// A body that cannot be used is told with the answer that it came in.
template <class T>
Result<T> placed(Result<T> parsed, const HttpAnswer& answer, std::string_view method,
                 std::string_view url) {
  if (parsed) return parsed;
  Error error = std::move(parsed.error()).on_url(method, url);
  error.status = answer.status;
  error.address = answer.address;
  error.request_id = answer.headers.value_or("x-request-id", "");
  if (Result<Url> known = Url::parse(url)) error.host = known->endpoint();
  return fail(std::move(error));
}

bool reached_nobody(const Error& error) {
  return error.stage == "resolve" || error.stage == "connect" || error.stage == "proxy" ||
         error.stage == "tls";
}

// Of a call that must not be repeated and reached nobody: whoever asks may run it again.
Error nothing_done(Error error) {
  constexpr std::string_view again = "nothing was done yet: run the same command again";
  if (error.kind != ErrorClass::retry) return error;
  error.hint = error.hint.empty() ? std::string(again) : fmt::format("{}; {}", error.hint, again);
  return error;
}

// What a call that must not be repeated became, if no answer to it came.
Error unanswered(Error error, std::string_view what, std::string_view where_to_look) {
  if (reached_nobody(error)) return nothing_done(std::move(error));
  return outcome_unknown(std::move(error), what, where_to_look);
}

}  // namespace

Error outcome_unknown(Error cause, std::string_view what, std::string_view where_to_look) {
  Error error = std::move(cause);
  error.message =
      fmt::format("the answer to {} was lost, so it may have been done: {}", what, error.message);
  error.code = "outcome_unknown";
  if (error.kind != ErrorClass::cancelled) error.kind = ErrorClass::fail;
  error.hint = fmt::format("look at {} before you run the command again", where_to_look);
  return error;
}

HubClient::HubClient(HttpClient& http, const HubAccess& access)
    : http_(http), access_(access), urls_(access.endpoint, access.repo) {}

Result<HttpRequest> HubClient::request_of(Call& call) const {
  Result<Url> url = Url::parse(call.url);
  if (!url) return fail(std::move(url.error()).at(call.stage));
  HttpRequest request;
  request.method = std::move(call.method);
  request.url = std::move(*url);
  request.headers = std::move(call.headers);
  if (!call.content_type.empty()) request.headers.set("content-type", call.content_type);
  Result<Url> endpoint = Url::parse(access_.endpoint);
  if (!endpoint) return fail(std::move(endpoint.error()).at(call.stage));
  if (call.authorized && !access_.token.empty() && same_origin(request.url, *endpoint)) {
    request.headers.set("authorization", "Bearer " + access_.token);
  }
  request.body = Body(std::move(call.body));
  request.idempotent = call.repeat;
  request.stage = call.stage;
  request.deadlines.first_byte = call.first_byte;
  return request;
}

Task<Result<HttpAnswer>> HubClient::send_raw(Scope& scope, HttpRequest& request, bool repeat) {
  if (repeat) {
    Result<HttpAnswer> answer = co_await send_retried(scope, http_, request, {}, &observer_);
    co_return answer;
  }
  Result<HttpAnswer> answer = co_await http_.send(scope, request);
  co_return answer;
}

Error HubClient::error_of(const HttpAnswer& answer, const HttpRequest& request) const {
  Error error = error_of_answer(answer, request, http_.worker().backend().wall_seconds());
  error.code = code_of(answer);
  error.hint = hint_of(error.code, !access_.token.empty());
  std::string said(answer.headers.value_or("x-error-message", ""));
  std::string body = server_message_of(answer.body);
  if (!body.empty() && body != said) said += (said.empty() ? "" : "; ") + body;
  if (!said.empty()) error.server_message = redact_text(said);
  return error;
}

// The tries are used up; the last answer, if one came, is in the error.
Error HubClient::given_up(Error error) const {
  if (error.status == 0) return error;
  std::string message = server_message_of(error.server_message);
  if (!message.empty()) error.server_message = redact_text(message);
  if (error.status == 429) error.code = "rate_limited";
  error.hint = hint_of(error.code, !access_.token.empty());
  return error;
}

Task<Result<HttpAnswer>> HubClient::send(Scope& scope, Call call) {
  bool repeat = call.repeat;
  Result<HttpRequest> request = request_of(call);
  if (!request) co_return fail(std::move(request.error()));
  Result<HttpAnswer> answer = co_await send_raw(scope, *request, repeat);
  if (!answer) co_return fail(given_up(std::move(answer.error())).at(request->stage));
  if (answer->status >= 400) co_return fail(error_of(*answer, *request));
  co_return answer;
}

Task<Result<std::string>> HubClient::create_repo(Scope& scope, const NewRepo& made) {
  Call call{.method = "POST",
            .url = urls_.create_repo(),
            .stage = "create_repo",
            .body = create_repo_body(access_.repo, made),
            .content_type = std::string(json_type),
            .repeat = false};
  Result<HttpRequest> request = request_of(call);
  if (!request) co_return fail(std::move(request.error()));
  Result<HttpAnswer> answer = co_await send_raw(scope, *request, false);
  if (!answer) {
    if (answer.error().kind == ErrorClass::cancelled) co_return fail(std::move(answer.error()));
    co_return fail(unanswered(std::move(answer.error()), "creating the repo", urls_.page()));
  }
  if (answer->status == 409 && !made.exist_ok) {
    Error exists = error_of(*answer, *request);
    exists.code = "repo_exists";
    co_return fail(std::move(exists).hinting("allow that with --exist-ok, or choose another name"));
  }
  if (answer->status == 409 || answer->status < 300) {
    Result<std::string> place = parse_repo_location(answer->body);
    if (place) co_return place;
    if (answer->status == 409) co_return urls_.page();
    co_return placed(std::move(place), *answer, "POST", urls_.create_repo());
  }
  Error refused = error_of(*answer, *request);
  // Who may not create may still write to what is there.
  bool forbidden = answer->status == 401 || answer->status == 402 || answer->status == 403;
  if (forbidden && made.exist_ok) {
    Call look{.method = "GET", .url = urls_.info(), .stage = "create_repo"};
    Result<HttpAnswer> info = co_await send(scope, std::move(look));
    if (info) co_return urls_.page();
  }
  co_return fail(std::move(refused));
}

Task<Status> HubClient::delete_repo(Scope& scope) {
  Call call{.method = "DELETE",
            .url = urls_.delete_repo(),
            .stage = "delete_repo",
            .body = delete_repo_body(access_.repo),
            .content_type = std::string(json_type),
            .repeat = false};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return Status();
}

Task<Result<WhoAmI>> HubClient::whoami(Scope& scope) {
  Call call{.method = "GET", .url = urls_.whoami(), .stage = "whoami"};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return placed(parse_whoami(answer->body), *answer, "GET", urls_.whoami());
}

Task<Result<RepoInfo>> HubClient::revision(Scope& scope, const std::string& revision) {
  Call call{.method = "GET", .url = urls_.revision(revision), .stage = "revision"};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return placed(parse_repo_info(answer->body), *answer, "GET", urls_.revision(revision));
}

Task<Status> HubClient::create_branch(Scope& scope, const std::string& branch) {
  Call call{.method = "POST",
            .url = urls_.branch(branch),
            .stage = "create_branch",
            .body = create_branch_body(std::nullopt),
            .content_type = std::string(json_type),
            .repeat = false};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (answer || answer.error().status == 409) co_return Status();
  Error error = std::move(answer.error());
  if (error.status == 0 && error.kind != ErrorClass::cancelled) {
    error = unanswered(std::move(error), "creating the branch", urls_.page());
  }
  co_return fail(std::move(error));
}

Task<Result<YamlVerdict>> HubClient::validate_yaml(Scope& scope, std::string_view readme) {
  Call call{.method = "POST",
            .url = urls_.validate_yaml(),
            .stage = "validate_yaml",
            .body = validate_yaml_body(readme, access_.repo.type),
            .content_type = std::string(json_type)};
  Result<HttpRequest> request = request_of(call);
  if (!request) co_return fail(std::move(request.error()));
  Result<HttpAnswer> answer = co_await send_raw(scope, *request, true);
  if (!answer) co_return fail(given_up(std::move(answer.error())));
  if (answer->status >= 400 && answer->status != 400) co_return fail(error_of(*answer, *request));
  Result<YamlVerdict> verdict = parse_validate_yaml(answer->body);
  if (!verdict && answer->status == 400) co_return fail(error_of(*answer, *request));
  co_return placed(std::move(verdict), *answer, "POST", urls_.validate_yaml());
}

Task<Result<std::vector<PreuploadAnswer>>> HubClient::preupload(
    Scope& scope, const std::string& revision, bool create_pr, std::span<const PreuploadFile> files,
    const std::optional<std::string>& git_ignore) {
  Call call{.method = "POST",
            .url = urls_.preupload(revision, create_pr),
            .stage = "preupload",
            .body = preupload_body(files, git_ignore),
            .content_type = std::string(json_type)};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return placed(parse_preupload(answer->body, files), *answer, "POST",
                   urls_.preupload(revision, create_pr));
}

Task<Result<std::vector<LfsAnswer>>> HubClient::lfs_batch(Scope& scope,
                                                          std::span<const LfsObject> objects,
                                                          const std::optional<std::string>& ref) {
  Call call{.method = "POST",
            .url = urls_.lfs_batch(),
            .stage = "lfs_batch",
            .body = lfs_batch_body(objects, ref),
            .content_type = std::string(lfs_type),
            .headers = {{"accept", std::string(lfs_type)}}};
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return placed(parse_lfs_batch(answer->body, objects), *answer, "POST", urls_.lfs_batch());
}

Task<Status> HubClient::lfs_complete(Scope& scope, const std::string& href, const LfsObject& object,
                                     std::span<const std::string> etags) {
  Call call{.method = "POST",
            .url = href,
            .stage = "complete",
            .body = lfs_completion_body(object, etags),
            .content_type = std::string(lfs_type),
            .authorized = false,  // a signed URL
            .first_byte = deadline_long,
            .headers = {{"accept", std::string(lfs_type)}}};
  Result<HttpRequest> request = request_of(call);
  if (!request) co_return fail(std::move(request.error()));
  Result<HttpAnswer> answer = co_await http_.send(scope, *request);
  if (!answer) co_return fail(std::move(answer.error()));
  if (answer->status >= 300) co_return fail(error_of(*answer, *request));
  std::string trouble = completion_error(answer->body);
  if (trouble.empty()) co_return Status();
  Error error = error_of(*answer, *request);
  error.kind = ErrorClass::retry;
  error.code = "completion_refused";
  error.message = "the storage could not make an object of the parts, though its status says so";
  error.server_message = redact_text(trouble, 500);
  co_return fail(std::move(error));
}

Task<Status> HubClient::lfs_verify(Scope& scope, const LfsVerify& verify, const LfsObject& object) {
  Call call{.method = "POST",
            .url = verify.href,
            .stage = "verify",
            .body = lfs_verify_body(object),
            .content_type = std::string(json_type),
            .first_byte = deadline_long};
  for (const LfsHeader& header : verify.headers) call.headers.set(header.name, header.value);
  Result<HttpAnswer> answer = co_await send(scope, std::move(call));
  if (!answer) co_return fail(std::move(answer.error()));
  co_return Status();
}

Task<Result<std::vector<TreeEntry>>> HubClient::list_files(Scope& scope,
                                                           const std::string& revision) {
  std::vector<TreeEntry> files;
  std::string url = urls_.tree(revision, "");
  while (!url.empty()) {
    Call call{.method = "GET", .url = url, .stage = "list_files"};
    Result<HttpAnswer> answer = co_await send(scope, std::move(call));
    if (!answer) co_return fail(std::move(answer.error()));
    Result<std::vector<TreeEntry>> page =
        placed(parse_tree_page(answer->body), *answer, "GET", url);
    if (!page) co_return fail(std::move(page.error()).at("list_files"));
    for (TreeEntry& entry : *page) {
      if (entry.is_file) files.push_back(std::move(entry));
    }
    std::string next = next_page(answer->headers.value_or("link", "")).value_or("");
    next = next.empty() ? next : on_endpoint(next, access_.endpoint);
    if (next == url) next.clear();
    url = std::move(next);
  }
  co_return files;
}

Task<Result<CommitAnswer>> HubClient::commit(Scope& scope, const std::string& revision,
                                             bool create_pr, BodyProducer& body) {
  Call call{.method = "POST",
            .url = urls_.commit(revision, create_pr),
            .stage = "commit",
            .content_type = "application/x-ndjson",
            .repeat = false,
            .first_byte = deadline_long};
  Result<HttpRequest> request = request_of(call);
  if (!request) co_return fail(std::move(request.error()));
  request->body = Body();
  request->body.add(body);
  request->follow_redirects = false;
  std::string_view what = create_pr ? "the pull request and its commit" : "the commit";
  std::string where = urls_.page() + (create_pr ? "/discussions" : "/commits/" + revision);
  Result<HttpAnswer> answer = co_await http_.send(scope, *request);
  if (!answer) {
    Error error = std::move(answer.error());
    // A file that could not be read cut the body short: nothing can have been committed.
    bool body_failed = error.stage == "read" || error.kind == ErrorClass::changed;
    if (body_failed) co_return fail(std::move(error));
    co_return fail(unanswered(std::move(error), what, where));
  }
  if (answer->status >= 300) {
    Error error = error_of(*answer, *request);
    // A gateway that gives up does not know what the server behind it has done.
    if (answer->status >= 500) error = outcome_unknown(std::move(error), what, where);
    co_return fail(std::move(error));
  }
  Result<CommitAnswer> landed = placed(parse_commit(answer->body, create_pr), *answer, "POST",
                                       urls_.commit(revision, create_pr));
  if (landed) co_return landed;
  co_return fail(outcome_unknown(std::move(landed.error()), what, where));
}

}  // namespace headrace
