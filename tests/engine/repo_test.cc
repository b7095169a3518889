#include "engine/repo.h"

#include <doctest/doctest.h>

namespace headrace {
namespace {

RepoId id(RepoType type, std::string_view text) {
  Result<RepoId> repo = parse_repo_id(type, text);
  REQUIRE(repo.has_value());
  return *repo;
}

}  // namespace

TEST_CASE("a repo's id is a name, or an owner and a name") {
  CHECK(id(RepoType::model, "gpt2").owner.empty());
  CHECK(id(RepoType::model, "gpt2").text() == "gpt2");
  CHECK(id(RepoType::model, "ns/my_repo-1.0").text() == "ns/my_repo-1.0");
  const std::string long_name(96, 'a');
  CHECK(id(RepoType::model, long_name).name == long_name);
  for (const std::string& bad : {std::string(),           std::string("/"),
                                 std::string("a/"),       std::string("/a"),
                                 std::string("a/b/c"),    std::string("-a"),
                                 std::string("a-"),       std::string(".a"),
                                 std::string("a."),       std::string("a--b"),
                                 std::string("a..b"),     std::string("a.git"),
                                 std::string("ns/a.git"), std::string("a b"),
                                 std::string("a\n"),      std::string("caf\xc3\xa9"),
                                 std::string("a?b"),      std::string("a%2Fb"),
                                 std::string("../x"),     std::string("a\0b", 3),
                                 long_name + "a"}) {
    Result<RepoId> repo = parse_repo_id(RepoType::model, bad);
    REQUIRE_MESSAGE(!repo.has_value(), bad);
    CHECK(repo.error().code == "bad_repo_id");
    CHECK_FALSE(repo.error().hint.empty());
  }
}

TEST_CASE("three types of repo") {
  CHECK(parse_repo_type("model").value() == RepoType::model);
  CHECK(parse_repo_type("dataset").value() == RepoType::dataset);
  CHECK(parse_repo_type("space").value() == RepoType::space);
  CHECK(parse_repo_type("kernel").value() == RepoType::kernel);
  for (const char* bad : {"", "models", "Model", "bucket"}) {
    CHECK(parse_repo_type(bad).error().code == "bad_repo_type");
  }
}

TEST_CASE("the addresses of a model") {
  const RepoUrls urls("http://h:1", id(RepoType::model, "ns/r"));
  CHECK(urls.create_repo() == "http://h:1/api/repos/create");
  CHECK(urls.delete_repo() == "http://h:1/api/repos/delete");
  CHECK(urls.whoami() == "http://h:1/api/whoami-v2");
  CHECK(urls.validate_yaml() == "http://h:1/api/validate-yaml");
  CHECK(urls.info() == "http://h:1/api/models/ns/r");
  CHECK(urls.revision("refs/pr/1") == "http://h:1/api/models/ns/r/revision/refs%2Fpr%2F1");
  CHECK(urls.branch("dev/x") == "http://h:1/api/models/ns/r/branch/dev%2Fx");
  CHECK(urls.preupload("main", false) == "http://h:1/api/models/ns/r/preupload/main");
  CHECK(urls.preupload("main", true) == "http://h:1/api/models/ns/r/preupload/main?create_pr=1");
  CHECK(urls.commit("a b", true) == "http://h:1/api/models/ns/r/commit/a%20b?create_pr=1");
  CHECK(urls.lfs_batch() == "http://h:1/ns/r.git/info/lfs/objects/batch");
  CHECK(urls.tree("main", "sub/dir") ==
        "http://h:1/api/models/ns/r/tree/main/sub%2Fdir?recursive=true&expand=false");
  CHECK(urls.tree("main", "") ==
        "http://h:1/api/models/ns/r/tree/main?recursive=true&expand=false");
  CHECK(urls.discussions() == "http://h:1/api/models/ns/r/discussions");
  CHECK(urls.resolve("main", "a b/c#.txt") == "http://h:1/ns/r/resolve/main/a%20b/c%23.txt");
  CHECK(urls.page() == "http://h:1/ns/r");
  CHECK(urls.tree_page("main", "") == "http://h:1/ns/r/tree/main");
  CHECK(urls.tree_page("refs/pr/2", "sub/x y") == "http://h:1/ns/r/tree/refs%2Fpr%2F2/sub/x%20y");
  CHECK(urls.blob_page("main", "a/\xc3\xa9") == "http://h:1/ns/r/blob/main/a/%C3%A9");
  CHECK(urls.commit_page("abc") == "http://h:1/ns/r/commit/abc");
}

TEST_CASE("datasets and spaces have prefixes of their own") {
  const RepoUrls dataset("http://h", id(RepoType::dataset, "ns/r"));
  CHECK(dataset.info() == "http://h/api/datasets/ns/r");
  CHECK(dataset.lfs_batch() == "http://h/datasets/ns/r.git/info/lfs/objects/batch");
  const RepoUrls space("http://h", id(RepoType::space, "ns/r"));
  CHECK(space.info() == "http://h/api/spaces/ns/r");
  CHECK(space.page() == "http://h/spaces/ns/r");
}

TEST_CASE("hf:// names type, repo, revision and path") {
  RepoUri uri = parse_repo_uri("hf://datasets/ns/r@refs/pr/3/data/x.csv").value();
  CHECK(uri.repo.type == RepoType::dataset);
  CHECK(uri.repo.text() == "ns/r");
  CHECK(uri.revision == "refs/pr/3");
  CHECK(uri.path == "data/x.csv");
  uri = parse_repo_uri("hf://ns/r").value();
  CHECK(uri.repo.type == RepoType::model);
  CHECK_FALSE(uri.revision.has_value());
  CHECK(uri.path.empty());
  CHECK(parse_repo_uri("hf://models/ns/r@dev%2Fx/p").value().revision == "dev/x");
  CHECK(parse_repo_uri("hf://spaces/ns/r/p/q").value().path == "p/q");
  for (const char* bad : {"hf://", "hf://r", "hf://buckets/ns/b", "hf://ns/r@", "hf://ns/r@/p",
                          "hf://ns//x", "hf://ns/r@%zz", "hf://datasets/r"}) {
    CHECK_MESSAGE(!parse_repo_uri(bad).has_value(), bad);
  }
}

TEST_CASE("a page's address names its repo, the public endpoint stands for ours") {
  const auto parse = [](std::string_view url) { return parse_repo_url(url, "http://h:1"); };
  CHECK(parse("http://h:1/datasets/me/r").value().type == RepoType::dataset);
  CHECK(parse("http://h:1/me/r/commit/abc").value().text() == "me/r");
  CHECK(parse("https://huggingface.co/spaces/me/r").value().text() == "me/r");
  CHECK_FALSE(parse("http://h:10/me/r").has_value());
  CHECK_FALSE(parse("https://huggingface.co.evil/me/r").has_value());
  CHECK_FALSE(parse("http://h:1").has_value());
  CHECK_FALSE(parse("http://h:1/me/../x").has_value());
  CHECK(on_endpoint("https://huggingface.co/a?b", "http://h") == "http://h/a?b");
  CHECK(on_endpoint("https://huggingface.com/a", "http://h") == "https://huggingface.com/a");
}

}  // namespace headrace
