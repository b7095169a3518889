#include "tools/headrace/upload_request.h"

#include <doctest/doctest.h>

#include "tools/headrace/naming.h"

namespace headrace {
namespace {

using List = std::vector<std::string>;

LocalKind file_or_folder(const std::string& path) {
  return path.ends_with(".txt") ? LocalKind::file : LocalKind::folder;
}

Result<PreparedUpload> prepare(const UploadArguments& arguments) {
  return prepare_upload(arguments, {.endpoint = "http://h", .token = "t"}, file_or_folder);
}

}  // namespace

TEST_CASE("a folder with all that can be said about it") {
  UploadArguments arguments;
  arguments.repo_id = "ns/r";
  arguments.repo_type = "dataset";
  arguments.local_path = "d";
  arguments.path_in_repo = "/train/";
  arguments.revision = "dev";
  arguments.include = List{"*.csv"};
  arguments.exclude = {"x"};
  arguments.delete_patterns = List{"old/*"};
  arguments.is_private = true;
  arguments.create_pr = true;
  arguments.message = "m";
  arguments.commit_limits.operations_max = 3;
  const PreparedUpload prepared = prepare(arguments).value();
  const UploadRequest& request = prepared.request;
  CHECK(request.endpoint == "http://h");
  CHECK(request.token == "t");
  CHECK(request.repo.type == RepoType::dataset);
  CHECK(request.repo.text() == "ns/r");
  CHECK(request.local_paths == List{"d"});
  CHECK(request.path_in_repo == "train");
  CHECK(request.revision == "dev");
  CHECK(request.include == List{"*.csv"});
  CHECK(request.exclude == List{"x"});
  CHECK(request.delete_patterns == List{"old/*"});
  CHECK(request.is_private == true);
  CHECK(request.create_pr);
  CHECK(request.message == "m");
  CHECK(request.commit_limits.operations_max == 3);
  CHECK(prepared.warnings.empty());
}

TEST_CASE("patterns are dropped for one file, with a warning each") {
  UploadArguments arguments;
  arguments.repo_id = "ns/r";
  arguments.local_path = "a/b.txt";
  arguments.include = List{"x"};
  arguments.exclude = {"y"};
  arguments.delete_patterns = List{"z"};
  const PreparedUpload prepared = prepare(arguments).value();
  CHECK(prepared.warnings.size() == 3);
  CHECK(prepared.request.path_in_repo == "b.txt");
  CHECK_FALSE(prepared.request.include.has_value());
  CHECK(prepared.request.exclude.empty());
  CHECK_FALSE(prepared.request.delete_patterns.has_value());
}

TEST_CASE("an hf:// address names type, revision and path") {
  UploadArguments arguments;
  arguments.repo_id = "hf://datasets/ns/r@v1/sub";
  arguments.local_path = "d";
  const UploadRequest request = prepare(arguments).value().request;
  CHECK(request.repo.type == RepoType::dataset);
  CHECK(request.revision == "v1");
  CHECK(request.path_in_repo == "sub");
  arguments.path_in_repo = "other";
  CHECK(prepare(arguments).error().code == "bad_arguments");
  arguments.path_in_repo.reset();
  arguments.revision = "v2";
  CHECK(prepare(arguments).error().code == "bad_arguments");
  arguments.revision.reset();
  arguments.repo_type = "model";
  CHECK(prepare(arguments).error().code == "bad_arguments");
}

TEST_CASE("a type may stand before the id") {
  CHECK(name_repo("datasets/ns/r", std::nullopt, "dev").value().repo.type == RepoType::dataset);
  CHECK(name_repo("datasets/ns/r", std::nullopt, "dev").value().revision == "dev");
  CHECK(name_repo("datasets/r", std::nullopt, std::nullopt).value().repo.owner == "datasets");
  CHECK(name_repo("spaces/ns/r", "model", std::nullopt).error().code == "bad_arguments");
  CHECK(name_repo("a/b/c", std::nullopt, std::nullopt).error().code == "bad_repo_id");
}

TEST_CASE("paths and ids are checked before anything is sent") {
  UploadArguments arguments;
  arguments.repo_id = "ns/r";
  arguments.local_path = "d";
  arguments.path_in_repo = "a/../b";
  CHECK(prepare(arguments).error().code == "bad_path_in_repo");
  arguments.path_in_repo = ".git";
  CHECK(prepare(arguments).error().code == "bad_path_in_repo");
  arguments.local_path = "\xff.txt";
  arguments.path_in_repo.reset();
  CHECK(prepare(arguments).error().code == "not_utf8");
  arguments.repo_id = "ns/r..x";
  CHECK(prepare(arguments).error().code == "bad_repo_id");
}

TEST_CASE("offline is offline") {
  CHECK(check_online({}).has_value());
  CHECK(check_online({.offline = true}).error().code == "offline_mode");
}

}  // namespace headrace
