#include "tools/headrace/arguments.h"

#include <doctest/doctest.h>

namespace headrace {
namespace {

using List = std::vector<std::string>;

UploadArguments upload(List arguments) {
  arguments.insert(arguments.begin(), "upload");
  Arguments parsed = parse_arguments(arguments);
  if (const Usage* usage = std::get_if<Usage>(&parsed)) FAIL(usage->text);
  return std::get<UploadArguments>(parsed);
}

Usage refused(const List& arguments) {
  Arguments parsed = parse_arguments(arguments);
  REQUIRE(std::holds_alternative<Usage>(parsed));
  CHECK(std::get<Usage>(parsed).exit_code == 2);
  CHECK_FALSE(std::get<Usage>(parsed).text.empty());
  return std::get<Usage>(parsed);
}

}  // namespace

TEST_CASE("upload with nothing but a repo") {
  const UploadArguments arguments = upload({"ns/r"});
  CHECK(arguments.repo_id == "ns/r");
  CHECK_FALSE(arguments.local_path.has_value());
  CHECK_FALSE(arguments.path_in_repo.has_value());
  CHECK_FALSE(arguments.repo_type.has_value());
  CHECK_FALSE(arguments.revision.has_value());
  CHECK_FALSE(arguments.is_private.has_value());
  CHECK_FALSE(arguments.include.has_value());
  CHECK(arguments.exclude.empty());
  CHECK_FALSE(arguments.delete_patterns.has_value());
  CHECK_FALSE(arguments.common.settings.token.has_value());
  CHECK(arguments.common.format == OutputFormat::human);
  CHECK(arguments.commit_limits.operations_max == 1000);
  CHECK(arguments.commit_limits.inline_bytes_max == 100u << 20);
}

TEST_CASE("every flag of upload arrives") {
  const UploadArguments arguments = upload({"ns/r",
                                            "./d",
                                            "sub",
                                            "--type",
                                            "dataset",
                                            "--revision=dev",
                                            "--private",
                                            "--commit-message",
                                            "m",
                                            "--commit-description",
                                            "d",
                                            "--create-pr",
                                            "--dry-run",
                                            "--keep-going",
                                            "--commit-files",
                                            "7",
                                            "--commit-bytes",
                                            "1M",
                                            "--memory-limit",
                                            "16M",
                                            "--limit-rate",
                                            "20MB",
                                            "--workers",
                                            "2",
                                            "--connections",
                                            "9",
                                            "--token",
                                            "t",
                                            "--token-file",
                                            "f",
                                            "--endpoint",
                                            "http://h",
                                            "--proxy",
                                            "p:1",
                                            "--no-proxy",
                                            "a,b",
                                            "-vv",
                                            "--json"});
  CHECK(arguments.local_path == "./d");
  CHECK(arguments.path_in_repo == "sub");
  CHECK(arguments.repo_type == "dataset");
  CHECK(arguments.revision == "dev");
  CHECK(arguments.is_private == true);
  CHECK(arguments.message == "m");
  CHECK(arguments.description == "d");
  CHECK(arguments.create_pr);
  CHECK(arguments.dry_run);
  CHECK(arguments.keep_going);
  CHECK(arguments.commit_limits.operations_max == 7);
  CHECK(arguments.commit_limits.inline_bytes_max == 1u << 20);
  CHECK(arguments.common.engine.memory_limit_bytes == 16u << 20);
  CHECK(arguments.common.engine.rate_limit == 20'000'000);
  CHECK(arguments.common.engine.workers == 2);
  CHECK(arguments.common.engine.connections == 9);
  CHECK(arguments.common.engine.verbosity == 2);
  CHECK(arguments.common.settings.token == "t");
  CHECK(arguments.common.settings.token_file == "f");
  CHECK(arguments.common.settings.endpoint == "http://h");
  CHECK(arguments.common.settings.proxy.proxy == "p:1");
  CHECK(arguments.common.settings.proxy.no_proxy == "a,b");
  CHECK(arguments.common.verbosity == 2);
  CHECK(arguments.common.format == OutputFormat::json);
  CHECK(upload({"r", "--no-private"}).is_private == false);
  CHECK(upload({"r", "--repo-type", "space"}).repo_type == "space");
  CHECK(upload({"r", "-n"}).dry_run);
  CHECK_FALSE(upload({"r", "--no-create-pr"}).create_pr);
  CHECK(upload({"r", "--single-commit"}).commit_limits.single);
}

TEST_CASE("patterns come one a flag, or several after one flag") {
  UploadArguments arguments =
      upload({"r", "d", "--include", "a", "--include", "b", "--exclude", "c"});
  CHECK(arguments.include == List{"a", "b"});
  CHECK(arguments.exclude == List{"c"});
  arguments =
      upload({"r", "d", "--include", "a", "b", "c", "--delete", "x", "y", "-v", "--exclude", "z"});
  CHECK(arguments.include == List{"a", "b", "c"});
  CHECK(arguments.delete_patterns == List{"x", "y"});
  CHECK(arguments.exclude == List{"z"});
  CHECK_FALSE(arguments.path_in_repo.has_value());
  // Ahead of the paths a flag takes one.
  arguments = upload({"--include", "*.txt", "r", "d", "sub"});
  CHECK(arguments.include == List{"*.txt"});
  CHECK(arguments.path_in_repo == "sub");
  arguments = upload({"r", "--include=*.txt", "d"});
  CHECK(arguments.include == List{"*.txt"});
  CHECK(arguments.local_path == "d");
  arguments = upload({"r", "--revision", "dev", "d", "--include", "a", "b"});
  CHECK(arguments.revision == "dev");
  CHECK(arguments.include == List{"a", "b"});
  arguments = upload({"r", "d", "--exclude=a", "b", "--", "sub"});
  CHECK(arguments.exclude == List{"a", "b"});
  CHECK(arguments.path_in_repo == "sub");
}

TEST_CASE("the formats of the ecosystem's command") {
  CHECK(upload({"r", "--format", "auto"}).common.format == OutputFormat::human);
  CHECK(upload({"r", "--format", "agent"}).common.format == OutputFormat::human);
  CHECK(upload({"r", "--format", "json"}).common.format == OutputFormat::json);
  CHECK(upload({"r", "--format", "quiet"}).common.format == OutputFormat::quiet);
  CHECK(upload({"r", "-q"}).common.format == OutputFormat::quiet);
  CHECK(upload({"r", "--quiet"}).common.format == OutputFormat::quiet);
  refused({"upload", "r", "--json", "--quiet"});
  refused({"upload", "r", "--json", "--format", "human"});
  refused({"upload", "r", "--format", "xml"});
}

TEST_CASE("what is asked wrongly is refused with exit code 2") {
  refused({});
  refused({"upload"});
  refused({"upload", "a", "b", "c", "d"});
  refused({"upload", "a", "--no-such-flag"});
  refused({"upload", "a", "--type", "bucket"});
  refused({"upload", "a", "--commit-files", "0"});
  refused({"upload", "a", "--commit-files", "x"});
  refused({"upload", "a", "--commit-bytes", "1.5G"});
  refused({"upload", "a", "--memory-limit", "-1"});
  refused({"upload", "a", "--limit-rate", "fast"});
  refused({"upload", "a", "--limit-rate", "1000"});
  refused({"upload", "a", "--workers", "0"});
  refused({"upload", "a", "--include"});
  refused({"upload", "a", "--single-commit", "--commit-files", "5"});
  refused({"repo"});
  refused({"repo", "create"});
  refused({"repo", "create", "a", "--public", "--private"});
  refused({"repo", "create", "a", "--region", "moon"});
  refused({"repo", "rename", "a"});
  refused({"nonsense"});
  CHECK(refused({"upload", "--json"}).wants_json);
  CHECK(refused({"upload", "--format", "json"}).wants_json);
  CHECK_FALSE(refused({"upload"}).wants_json);
}

TEST_CASE("help and version end well") {
  const Usage version = std::get<Usage>(parse_arguments({"--version"}));
  CHECK(version.text == "headrace " HEADRACE_VERSION);
  CHECK(version.exit_code == 0);
  for (const List& arguments :
       {List{"--help"}, List{"upload", "--help"}, List{"repo", "create", "-h"}}) {
    const Usage help = std::get<Usage>(parse_arguments(arguments));
    CHECK(help.exit_code == 0);
    CHECK(help.text.find("--help") != std::string::npos);
  }
}

TEST_CASE("repo and whoami") {
  RepoArguments repo = std::get<RepoArguments>(parse_arguments(
      {"repo", "create", "ns/r", "--type", "space", "--private", "--sdk", "static"}));
  CHECK(repo.verb == RepoArguments::Verb::create);
  CHECK(repo.repo_id == "ns/r");
  CHECK(repo.repo_type == "space");
  CHECK(repo.made.visibility == "private");
  CHECK(repo.made.space_sdk == "static");
  CHECK_FALSE(repo.made.exist_ok);
  repo =
      std::get<RepoArguments>(parse_arguments({"repos", "create", "r", "--protected", "--exist-ok",
                                               "--space-sdk", "docker", "--region", "eu"}));
  CHECK(repo.made.visibility == "protected");
  CHECK(repo.made.space_sdk == "docker");
  CHECK(repo.made.region == "eu");
  CHECK(repo.made.exist_ok);
  repo = std::get<RepoArguments>(
      parse_arguments({"repo", "delete", "ns/r", "--missing-ok", "-y", "-q"}));
  CHECK(repo.verb == RepoArguments::Verb::remove);
  CHECK(repo.missing_ok);
  CHECK(repo.made.visibility.empty());
  CHECK(repo.common.format == OutputFormat::quiet);
  const WhoAmIArguments whoami =
      std::get<WhoAmIArguments>(parse_arguments({"whoami", "--token", "t", "--json"}));
  CHECK(whoami.common.settings.token == "t");
  CHECK(whoami.common.format == OutputFormat::json);
}

TEST_CASE("doctor takes a repo, or none") {
  Arguments parsed = parse_arguments({"doctor", "ns/r", "--type", "dataset", "--json", "-vv"});
  REQUIRE(std::holds_alternative<DoctorArguments>(parsed));
  const DoctorArguments& doctor = std::get<DoctorArguments>(parsed);
  CHECK(doctor.repo_id == "ns/r");
  CHECK(doctor.repo_type == "dataset");
  CHECK(doctor.common.format == OutputFormat::json);
  CHECK(doctor.common.engine.verbosity == 2);
  CHECK(std::get<DoctorArguments>(parse_arguments({"doctor"})).repo_id.empty());
  CHECK(upload({"ns/r", "--trace", "t.json"}).common.engine.trace_path == "t.json");
}

TEST_CASE("bench takes a folder, or none") {
  BenchArguments bench = std::get<BenchArguments>(parse_arguments({"bench", "here", "--json"}));
  CHECK(bench.folder == "here");
  CHECK(bench.common.format == OutputFormat::json);
  CHECK(std::get<BenchArguments>(parse_arguments({"bench"})).folder == ".");
}

TEST_CASE("every flag of cp arrives") {
  Arguments parsed = parse_arguments({"cp",
                                      "a",
                                      "b",
                                      "s3://bucket/k",
                                      "--include",
                                      "*.bin",
                                      "--exclude",
                                      "x*",
                                      "--if-none-match",
                                      "--skip-existing",
                                      "--content-type",
                                      "text/plain",
                                      "--metadata",
                                      "a=1",
                                      "--metadata",
                                      "b=2",
                                      "--tags",
                                      "t=v",
                                      "--storage-class",
                                      "GLACIER",
                                      "--sse",
                                      "aws:kms",
                                      "--sse-kms-key-id",
                                      "id",
                                      "--profile",
                                      "p",
                                      "--region",
                                      "eu-west-1",
                                      "--endpoint-url",
                                      "http://127.0.0.1:9000",
                                      "--checksum",
                                      "crc32c",
                                      "--part-size",
                                      "32M",
                                      "--addressing",
                                      "path",
                                      "-n"});
  REQUIRE(std::holds_alternative<CopyArguments>(parsed));
  const CopyArguments& copy = std::get<CopyArguments>(parsed);
  CHECK(copy.sources == List{"a", "b"});
  CHECK(copy.target == "s3://bucket/k");
  CHECK(copy.include == List{"*.bin"});
  CHECK(copy.exclude == List{"x*"});
  CHECK(copy.if_none_match);
  CHECK(copy.skip_existing);
  CHECK(copy.content_type == "text/plain");
  CHECK(copy.metadata == List{"a=1", "b=2"});
  CHECK(copy.tags == List{"t=v"});
  CHECK(copy.storage_class == "GLACIER");
  CHECK(copy.encryption == "aws:kms");
  CHECK(copy.kms_key_id == "id");
  CHECK(copy.store.profile == "p");
  CHECK(copy.store.region == "eu-west-1");
  CHECK(copy.store.endpoint_url == "http://127.0.0.1:9000");
  CHECK(copy.store.addressing == S3Addressing::path);
  CHECK(copy.checksum == CopyChecksum::crc32c);
  CHECK(copy.part_size == 32u << 20);
  CHECK(copy.dry_run);
}

TEST_CASE("cp takes standard input, and refuses what it does not know") {
  Arguments parsed = parse_arguments({"cp", "-", "s3://bucket/k"});
  REQUIRE(std::holds_alternative<CopyArguments>(parsed));
  CHECK(std::get<CopyArguments>(parsed).sources == List{"-"});
  CHECK(refused({"cp", "s3://bucket/k"}).exit_code == 2);
  CHECK(refused({"cp", "a", "s3://b/k", "--checksum", "md5"}).exit_code == 2);
  CHECK(refused({"cp", "a", "s3://b/k", "--part-size", "large"}).exit_code == 2);
}

TEST_CASE("s3 lists and aborts") {
  Arguments list = parse_arguments({"s3", "ls", "s3://b/p", "--json"});
  REQUIRE(std::holds_alternative<StoreArguments>(list));
  CHECK(std::get<StoreArguments>(list).verb == StoreArguments::Verb::list);
  CHECK(std::get<StoreArguments>(list).common.format == OutputFormat::json);
  Arguments abort = parse_arguments({"s3", "abort", "s3://b/p"});
  CHECK(std::get<StoreArguments>(abort).verb == StoreArguments::Verb::abort);
  CHECK(refused({"s3"}).exit_code == 2);
}

}  // namespace headrace
