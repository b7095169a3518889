#include "tools/headrace/upload_request.h"

#include "engine/repo_path.h"
#include "tools/headrace/naming.h"

namespace headrace {
namespace {

// A path inside an hf:// address and PATH_IN_REPO say the same thing.
Result<std::optional<std::string>> path_of(const RepoUri& uri, const UploadArguments& arguments) {
  if (uri.path.empty()) return arguments.path_in_repo;
  if (!arguments.path_in_repo) return std::optional<std::string>(uri.path);
  return fail(
      make_error(ErrorClass::fail, "bad_arguments", "the repo's address names a path already")
          .at("arguments")
          .hinting("leave PATH_IN_REPO out"));
}

// Patterns mean nothing for one file.
void drop_patterns(UploadRequest& request, std::vector<std::string>& warnings) {
  const auto warn = [&warnings](bool given, std::string_view flag) {
    if (given) warnings.push_back(std::string(flag) + " is ignored: a single file is uploaded");
  };
  warn(request.include.has_value(), "--include");
  warn(!request.exclude.empty(), "--exclude");
  warn(request.delete_patterns.has_value(), "--delete");
  request.include.reset();
  request.exclude.clear();
  request.delete_patterns.reset();
}

}  // namespace

Result<PreparedUpload> prepare_upload(const UploadArguments& arguments, const Settings& settings,
                                      const LookAt& look_at) {
  Result<RepoUri> uri = name_repo(arguments.repo_id, arguments.repo_type, arguments.revision);
  if (!uri) return fail(std::move(uri.error()));
  Result<std::optional<std::string>> path = path_of(*uri, arguments);
  if (!path) return fail(std::move(path.error()));
  Result<LocalChoice> local = choose_local({.repo_name = uri->repo.name,
                                            .local_path = arguments.local_path,
                                            .path_in_repo = *path,
                                            .include = arguments.include},
                                           look_at);
  if (!local) return fail(std::move(local.error()));
  // The name of a local file may be at fault here as well as what was typed.
  Result<std::string> path_in_repo = local->is_file ? clean_repo_path(local->path_in_repo)
                                                    : clean_repo_folder(local->path_in_repo);
  if (!path_in_repo) return fail(std::move(path_in_repo.error()));

  PreparedUpload prepared;
  UploadRequest& request = prepared.request;
  request.endpoint = settings.endpoint;
  request.token = settings.token;
  request.repo = std::move(uri->repo);
  request.revision = std::move(uri->revision);
  request.create_pr = arguments.create_pr;
  request.is_private = arguments.is_private;
  request.local_paths = {std::move(local->path)};
  request.path_in_repo = std::move(*path_in_repo);
  request.include = std::move(local->include);
  request.exclude = arguments.exclude;
  request.delete_patterns = arguments.delete_patterns;
  request.message = arguments.message;
  request.description = arguments.description;
  request.commit_limits = arguments.commit_limits;
  request.keep_going = arguments.keep_going;
  request.dry_run = arguments.dry_run;
  if (local->is_file) drop_patterns(request, prepared.warnings);
  return prepared;
}

}  // namespace headrace
