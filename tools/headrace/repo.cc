#include "engine/engine.h"
#include "tools/headrace/naming.h"
#include "tools/headrace/verbs.h"

namespace headrace {
namespace {

int create(Engine& engine, const HubTargetRepo& repo, const RepoArguments& arguments, Run& run) {
  if (repo.repo.type == RepoType::space && arguments.made.space_sdk.empty()) {
    Error error = make_error(ErrorClass::fail, "space_sdk_missing", "a space needs an SDK");
    return end_with(std::move(error)
                        .at("arguments")
                        .hinting("name it with --space-sdk: gradio, streamlit, docker or static"),
                    run);
  }
  Result<std::string> url = engine.create_repo(repo, arguments.made);
  show_requests(engine, run);
  if (!url) return end_with(url.error(), run);
  run.output.done(*url, {{"url", *url}});
  return 0;
}

int remove(Engine& engine, const HubTargetRepo& repo, const RepoArguments& arguments, Run& run) {
  Status deleted = engine.delete_repo(repo);
  show_requests(engine, run);
  if (!deleted) {
    if (!arguments.missing_ok || deleted.error().code != "repo_not_found") {
      return end_with(deleted.error(), run);
    }
    run.output.note(NoteLevel::info, "there was no such repo");
  }
  const std::string url = RepoUrls(repo.endpoint, repo.repo).page();
  run.output.done(url, {{"url", url}});
  return 0;
}

}  // namespace

int run_repo(const RepoArguments& arguments, Run& run) {
  Result<RepoUri> uri = name_repo(arguments.repo_id, arguments.repo_type, std::nullopt);
  if (!uri) return end_with(uri.error(), run);
  if (Status online = check_online(run.settings); !online) return end_with(online.error(), run);
  Result<std::unique_ptr<Engine>> engine = Engine::create(arguments.common.engine);
  if (!engine) return end_with(engine.error(), run);
  const HubTargetRepo repo{
      .endpoint = run.settings.endpoint, .token = run.settings.token, .repo = std::move(uri->repo)};
  switch (arguments.verb) {
    case RepoArguments::Verb::create:
      return create(**engine, repo, arguments, run);
    case RepoArguments::Verb::remove:
      return remove(**engine, repo, arguments, run);
  }
  return exit_usage;
}

}  // namespace headrace
