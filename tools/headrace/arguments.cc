#include "tools/headrace/arguments.h"

#include <algorithm>
#include <memory>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "tools/headrace/sizes.h"

namespace headrace {
namespace {

// What the parser's library writes into before it is made into values of ours.
struct Raw {
  UploadArguments upload;
  CopyArguments copy;
  StoreArguments store;
  RepoArguments repo;
  DoctorArguments doctor;
  BenchArguments bench;
  CommonArguments common;
  std::string format;
  bool json = false;
  bool quiet = false;
  std::string memory_limit;
  std::string limit_rate;
  std::string commit_bytes;
  bool is_private = false;
  bool is_public = false;
  bool is_protected = false;
  bool yes = false;
  bool no_truncate = false;
  std::vector<std::string> include;
  std::vector<std::string> delete_patterns;
  std::vector<std::string> paths;  // of a copy: sources, then the target
  std::string part_size;
  std::string checksum;
  std::string addressing;
};

std::string size_fault(const std::string& text) {
  return parse_size(text) ? std::string()
                          : fmt::format("'{}' is not a size such as 4096, 64M or 2GiB", text);
}

void add_tls(CLI::App& verb, SettingsFlags& settings) {
  verb.add_option("--ca-cert", settings.ca_cert,
                  "Trust these certificates only (PEM), before SSL_CERT_FILE and the system's")
      ->type_name("FILE");
  CLI::Option* certificate =
      verb.add_option("--client-cert", settings.client_cert, "Certificate of our own (PEM)")
          ->type_name("FILE");
  verb.add_option("--client-key", settings.client_key, "Its key, if it is in another file")
      ->type_name("FILE")
      ->needs(certificate);
  verb.add_flag("--insecure-skip-tls-verify", settings.skip_tls_verification,
                "Believe whoever answers: anybody on the way may read and change everything");
}

std::string rate_fault(const std::string& text) {
  std::optional<std::uint64_t> rate = parse_size(text);
  if (rate && (*rate == 0 || *rate >= 1024)) return {};
  return fmt::format("'{}' is not a rate such as 500K or 20M, of at least 1K a second", text);
}

void add_proxy(CLI::App& verb, SettingsFlags& settings) {
  verb.add_option("--proxy", settings.proxy.proxy, "Proxy for all, before HTTPS_PROXY and its kin")
      ->type_name("URL");
  verb.add_option("--no-proxy", settings.proxy.no_proxy, "Hosts that go without it, or '*'")
      ->type_name("LIST");
}

void add_output(CLI::App& verb, Raw& raw) {
  CLI::Option* format = verb.add_option("--format", raw.format, "auto, human, agent, json or quiet")
                            ->check(CLI::IsMember({"auto", "human", "agent", "json", "quiet"}));
  CLI::Option* json = verb.add_flag("--json", raw.json, "One JSON object a line: --format json");
  CLI::Option* quiet = verb.add_flag("-q,--quiet", raw.quiet, "The URL and errors only");
  // There to be taken from the ecosystem's own scripts: nothing is ever cut.
  verb.add_flag("--no-truncate", raw.no_truncate, "Nothing is cut, with or without it");
  json->excludes(format, quiet);
  quiet->excludes(format);
  verb.add_flag("-v,--verbose", raw.common.verbosity,
                "Say more: retries, skipped files, what was degraded; twice: every request");
}

void add_access(CLI::App& verb, Raw& raw) {
  SettingsFlags& settings = raw.common.settings;
  verb.add_option("--token", settings.token, "Token of the Hub; better in HF_TOKEN or a file")
      ->type_name("TEXT");
  verb.add_option("--token-file", settings.token_file, "File whose one line is the token")
      ->type_name("FILE");
  verb.add_option("--endpoint", settings.endpoint, "Address of the Hub, before HF_ENDPOINT")
      ->type_name("URL");
  add_tls(verb, settings);
  add_proxy(verb, settings);
  add_output(verb, raw);
}

void add_type(CLI::App& verb, std::optional<std::string>& type) {
  verb.add_option("--repo-type,--type", type, "model, dataset, space or kernel (model)")
      ->check(CLI::IsMember({"model", "dataset", "space", "kernel"}));
}

CLI::Option* add_privacy(CLI::App& verb, Raw& raw) {
  return verb.add_flag("--private,!--no-private", raw.is_private,
                       "Visibility of a repo that is created; without it, as the account has it");
}

void add_engine(CLI::App& verb, Raw& raw) {
  EngineOptions& engine = raw.common.engine;
  verb.add_option("--memory-limit", raw.memory_limit, "Bytes for content in memory, such as 64M")
      ->type_name("SIZE")
      ->check(size_fault);
  verb.add_option("--limit-rate", raw.limit_rate,
                  "Bytes of content a second, such as 20M; SIGUSR2 switches it off and on")
      ->type_name("RATE")
      ->check(rate_fault);
  verb.add_option("--workers", engine.workers, "Threads that read, hash and send (one a core)")
      ->check(CLI::Range(1, 1024));
  verb.add_option("--trace", engine.trace_path, "Write what happens when, for a trace viewer")
      ->type_name("FILE");
  verb.add_option("--connections", engine.connections, "Most requests with content in flight")
      ->check(CLI::Range(1, 4096));
}

void add_upload(CLI::App& verb, Raw& raw) {
  UploadArguments& upload = raw.upload;
  verb.add_option("repo_id", upload.repo_id, "OWNER/NAME, or hf://[TYPE/]OWNER/NAME[@REV][/PATH]")
      ->required();
  verb.add_option("local_path", upload.local_path,
                  "File, folder or pattern; without it, what is named like the repo");
  verb.add_option("path_in_repo", upload.path_in_repo, "Where it goes; without it, the root");
  add_type(verb, upload.repo_type);
  verb.add_option("--revision", upload.revision, "Branch or refs/pr/N (main); made if missing");
  add_privacy(verb, raw);
  verb.add_option("--include", raw.include, "Only files that match one of these")
      ->allow_extra_args(false)
      ->type_name("PATTERN");
  verb.add_option("--exclude", upload.exclude, "No files that match one of these")
      ->allow_extra_args(false)
      ->type_name("PATTERN");
  verb.add_option("--delete", raw.delete_patterns, "Delete files in the repo that match")
      ->allow_extra_args(false)
      ->type_name("PATTERN");
  verb.add_option("--commit-message", upload.message, "First line of the commit");
  verb.add_option("--commit-description", upload.description, "Text below it");
  verb.add_flag("--create-pr,!--no-create-pr", upload.create_pr, "Commit to a new pull request");
  verb.add_flag("-n,--dry-run", upload.dry_run, "Say what would be sent, send nothing");
  verb.add_flag("--keep-going", upload.keep_going, "Commit without files that fail; exit code 1");
  CLI::Option* files = verb.add_option("--commit-files", upload.commit_limits.operations_max,
                                       "Most operations of a commit (1000)")
                           ->check(CLI::Range(1, 1'000'000));
  CLI::Option* bytes = verb.add_option("--commit-bytes", raw.commit_bytes,
                                       "Most inline content of a commit (100MiB)")
                           ->type_name("SIZE")
                           ->check(size_fault);
  verb.add_flag("--single-commit", upload.commit_limits.single, "One commit, or none at all")
      ->excludes(files, bytes);
  add_engine(verb, raw);
  add_access(verb, raw);
}

void add_store(CLI::App& verb, Raw& raw, S3Flags& store) {
  verb.add_option("--profile", store.profile, "Profile of the AWS tools")->type_name("NAME");
  verb.add_option("--region", store.region, "Region of the bucket")->type_name("NAME");
  verb.add_option("--endpoint-url", store.endpoint_url, "Address of the store; unset, AWS's own")
      ->type_name("URL");
  verb.add_option("--addressing", raw.addressing, "auto, path or virtual: where the bucket stands")
      ->check(CLI::IsMember({"auto", "path", "virtual"}));
  verb.add_flag("--no-sign-request", store.no_sign, "Anonymous, whatever keys there are");
  add_tls(verb, raw.common.settings);
  add_proxy(verb, raw.common.settings);
}

void add_object(CLI::App& verb, Raw& raw) {
  CopyArguments& copy = raw.copy;
  verb.add_option("--content-type", copy.content_type, "Type of every object; unset, by its name")
      ->type_name("TYPE");
  verb.add_option("--metadata", copy.metadata, "Kept with every object; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  verb.add_option("--tags", copy.tags, "Tag of every object; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  verb.add_option("--storage-class", copy.storage_class, "STANDARD, STANDARD_IA, GLACIER …");
  verb.add_option("--sse", copy.encryption, "Encryption by the store: AES256 or aws:kms")
      ->type_name("NAME");
  verb.add_option("--sse-kms-key-id", copy.kms_key_id, "Key of that encryption")->type_name("ID");
  verb.add_option("--checksum", raw.checksum, "crc64nvme (unless told otherwise), crc32c, sha256")
      ->check(CLI::IsMember({"crc64nvme", "crc32c", "sha256"}));
  verb.add_option("--part-size", raw.part_size, "Size of the parts of large objects")
      ->type_name("SIZE")
      ->check(size_fault);
}

void add_copy(CLI::App& verb, Raw& raw) {
  CopyArguments& copy = raw.copy;
  verb.add_option("paths", raw.paths, "Files, folders, or - for standard input; then the target")
      ->required()
      ->expected(2, 1 << 20)
      ->type_name("SOURCE… s3://BUCKET/KEY");
  verb.add_option("--include", raw.include, "Only files that match one of these")
      ->allow_extra_args(false)
      ->type_name("PATTERN");
  verb.add_option("--exclude", copy.exclude, "No files that match one of these")
      ->allow_extra_args(false)
      ->type_name("PATTERN");
  verb.add_flag("--if-none-match", copy.if_none_match, "An object that exists is an error");
  verb.add_flag("--skip-existing", copy.skip_existing, "Leave alone what has the same content");
  verb.add_flag("--keep-going", copy.keep_going, "Go on without files that fail; exit code 1");
  verb.add_flag("-n,--dry-run", copy.dry_run, "Say what would be sent, send nothing");
  add_object(verb, raw);
  add_store(verb, raw, copy.store);
  add_engine(verb, raw);
  add_output(verb, raw);
}

void add_unfinished(CLI::App& list, CLI::App& abort, Raw& raw) {
  for (CLI::App* verb : {&list, &abort}) {
    verb->add_option("target", raw.store.target, "s3://BUCKET, or below it s3://BUCKET/PREFIX")
        ->required();
    add_store(*verb, raw, raw.store.store);
    add_output(*verb, raw);
  }
}

void add_repo(CLI::App& create, CLI::App& remove, Raw& raw) {
  RepoArguments& repo = raw.repo;
  for (CLI::App* verb : {&create, &remove}) {
    verb->add_option("repo_id", repo.repo_id, "OWNER/NAME, or hf://[TYPE/]OWNER/NAME")->required();
    add_type(*verb, repo.repo_type);
    add_access(*verb, raw);
  }
  CLI::Option* privacy = add_privacy(create, raw);
  CLI::Option* open = create.add_flag("--public", raw.is_public, "Anybody may read it");
  CLI::Option* shielded = create.add_flag("--protected", raw.is_protected,
                                          "A space that runs for all, its files for few");
  open->excludes(privacy, shielded);
  shielded->excludes(privacy);
  create
      .add_option("--space-sdk,--sdk", repo.made.space_sdk, "gradio, streamlit, docker or static")
      ->type_name("TEXT");
  create.add_option("--resource-group-id", repo.made.resource_group_id,
                    "Resource group of the organisation");
  create.add_option("--region", repo.made.region, "us or eu")->check(CLI::IsMember({"us", "eu"}));
  create.add_flag("--exist-ok,!--no-exist-ok", repo.made.exist_ok, "No error if it exists");
  remove.add_flag("--missing-ok,!--no-missing-ok", repo.missing_ok,
                  "No error if it does not exist");
  remove.add_flag("-y,--yes", raw.yes, "Nothing is asked, with or without it");
}

void add_doctor(CLI::App& verb, Raw& raw) {
  verb.add_option("repo_id", raw.doctor.repo_id,
                  "OWNER/NAME: may the token write to it, and where "
                  "do large files go?");
  add_type(verb, raw.doctor.repo_type);
  add_access(verb, raw);
}

void add_bench(CLI::App& verb, Raw& raw) {
  verb.add_option("folder", raw.bench.folder, "Folder whose disk is measured (this one)");
  add_output(verb, raw);
}

bool takes_value(const CLI::App& verb, const std::string& argument) {
  if (argument.find('=') != std::string::npos) return false;
  const CLI::Option* option = verb.get_option_no_throw(argument);
  return option != nullptr && option->get_items_expected_max() > 0;
}

// Both ways of giving patterns work: the flag before each, and several after one flag. Bare words
// after a pattern belong to its flag once REPO_ID and LOCAL_PATH have been given; before that the
// flag takes one, so that it may stand ahead of them.
std::vector<std::string> spread_patterns(const CLI::App& verb,
                                         const std::vector<std::string>& arguments) {
  constexpr std::string_view pattern_flags[] = {"--include", "--exclude", "--delete"};
  std::vector<std::string> spread;
  std::string flag;  // whose patterns bare words are
  std::size_t positionals = 0;
  for (std::size_t at = 0; at < arguments.size(); ++at) {
    const std::string& argument = arguments[at];
    if (argument == "--") {
      spread.insert(spread.end(), arguments.begin() + static_cast<std::ptrdiff_t>(at),
                    arguments.end());
      break;
    }
    if (argument.size() > 1 && argument[0] == '-') {
      const std::string name = argument.substr(0, argument.find('='));
      const bool pattern = std::find(std::begin(pattern_flags), std::end(pattern_flags), name) !=
                           std::end(pattern_flags);
      flag = pattern ? name : std::string();
      spread.push_back(argument);
      if (takes_value(verb, argument) && at + 1 < arguments.size()) {
        spread.push_back(arguments[++at]);
      }
    } else if (!flag.empty() && positionals >= 2) {
      spread.push_back(flag);
      spread.push_back(argument);
    } else {
      flag.clear();
      ++positionals;
      spread.push_back(argument);
    }
  }
  return spread;
}

OutputFormat format_of(const Raw& raw) {
  if (raw.json || raw.format == "json") return OutputFormat::json;
  if (raw.quiet || raw.format == "quiet") return OutputFormat::quiet;
  return OutputFormat::human;
}

CommonArguments common_of(const Raw& raw) {
  CommonArguments common = raw.common;
  common.format = format_of(raw);
  common.engine.verbosity = static_cast<std::uint8_t>(std::clamp(common.verbosity, 0, 2));
  if (!raw.memory_limit.empty()) common.engine.memory_limit_bytes = *parse_size(raw.memory_limit);
  if (!raw.limit_rate.empty()) common.engine.rate_limit = *parse_size(raw.limit_rate);
  return common;
}

std::optional<bool> privacy_of(const CLI::App& verb, const Raw& raw) {
  if (verb.count("--private") == 0) return std::nullopt;
  return raw.is_private;
}

std::string visibility_of(const CLI::App& verb, const Raw& raw) {
  if (raw.is_public) return "public";
  if (raw.is_protected) return "protected";
  std::optional<bool> is_private = privacy_of(verb, raw);
  if (!is_private) return {};
  return *is_private ? "private" : "public";
}

UploadArguments upload_of(const CLI::App& verb, const Raw& raw) {
  UploadArguments upload = raw.upload;
  upload.common = common_of(raw);
  upload.is_private = privacy_of(verb, raw);
  if (verb.count("--include") > 0) upload.include = raw.include;
  if (verb.count("--delete") > 0) upload.delete_patterns = raw.delete_patterns;
  if (!raw.commit_bytes.empty()) {
    upload.commit_limits.inline_bytes_max = *parse_size(raw.commit_bytes);
  }
  return upload;
}

void set_addressing(const Raw& raw, S3Flags& store) {
  if (raw.addressing == "path") store.addressing = S3Addressing::path;
  if (raw.addressing == "virtual") store.addressing = S3Addressing::virtual_host;
  if (raw.addressing == "auto") store.addressing = S3Addressing::automatic;
}

CopyArguments copy_of(const CLI::App& verb, const Raw& raw) {
  CopyArguments copy = raw.copy;
  copy.common = common_of(raw);
  copy.target = raw.paths.back();
  copy.sources.assign(raw.paths.begin(), raw.paths.end() - 1);
  if (verb.count("--include") > 0) copy.include = raw.include;
  if (!raw.part_size.empty()) copy.part_size = *parse_size(raw.part_size);
  if (raw.checksum == "crc32c") copy.checksum = CopyChecksum::crc32c;
  if (raw.checksum == "sha256") copy.checksum = CopyChecksum::sha256;
  set_addressing(raw, copy.store);
  return copy;
}

StoreArguments store_of(bool lists, const Raw& raw) {
  StoreArguments store = raw.store;
  store.common = common_of(raw);
  store.verb = lists ? StoreArguments::Verb::list : StoreArguments::Verb::abort;
  set_addressing(raw, store.store);
  return store;
}

DoctorArguments doctor_of(const Raw& raw) {
  DoctorArguments doctor = raw.doctor;
  doctor.common = common_of(raw);
  return doctor;
}

BenchArguments bench_of(const Raw& raw) {
  BenchArguments bench = raw.bench;
  bench.common = common_of(raw);
  return bench;
}

// The library writes to streams; main decides where its words go.
Usage usage_of(const CLI::App& app, const CLI::ParseError& error,
               const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const int code = app.exit(error, out, err);
  bool json = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    json = json || arguments[i] == "--json" || arguments[i] == "--format=json" ||
           (arguments[i] == "json" && i > 0 && arguments[i - 1] == "--format");
  }
  std::string text = code == 0 ? out.str() : err.str();
  while (text.ends_with('\n')) text.pop_back();
  return {.text = std::move(text), .exit_code = code == 0 ? 0 : 2, .wants_json = json};
}

}  // namespace

Arguments parse_arguments(std::vector<std::string> arguments) {
  Raw raw;
  raw.repo.made.exist_ok = false;
  CLI::App app("Uploads files and folders to the Hugging Face Hub and to S3.", "headrace");
  app.set_version_flag("--version", "headrace " HEADRACE_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  app.footer("headrace hub runs a Hub of its own on this machine: headrace hub --help");
  CLI::App* upload = app.add_subcommand("upload", "Upload a file or a folder");
  add_upload(*upload, raw);
  CLI::App* copy = app.add_subcommand("cp", "Copy files and folders into an S3 bucket");
  add_copy(*copy, raw);
  CLI::App* store = app.add_subcommand("s3", "List or abort unfinished uploads of a bucket");
  store->require_subcommand(1);
  CLI::App* list = store->add_subcommand("ls", "List uploads that were not finished");
  CLI::App* abort = store->add_subcommand("abort", "Abort them: what they hold is gone");
  add_unfinished(*list, *abort, raw);
  CLI::App* repo = app.add_subcommand("repo", "Create or delete a repo");
  repo->alias("repos");
  repo->require_subcommand(1);
  CLI::App* create = repo->add_subcommand("create", "Create a repo");
  CLI::App* remove = repo->add_subcommand("delete", "Delete a repo with all that is in it");
  add_repo(*create, *remove, raw);
  CLI::App* whoami = app.add_subcommand("whoami", "Say whose token is used");
  add_access(*whoami, raw);
  CLI::App* doctor = app.add_subcommand("doctor", "Look at this machine and the way to the Hub");
  add_doctor(*doctor, raw);
  CLI::App* bench = app.add_subcommand("bench", "Say how fast this machine is, and what bounds it");
  add_bench(*bench, raw);
  const std::vector<std::string> given = arguments;
  try {
    if (!arguments.empty() && arguments[0] == "upload") {
      std::vector<std::string> spread =
          spread_patterns(*upload, {arguments.begin() + 1, arguments.end()});
      arguments.resize(1);
      arguments.insert(arguments.end(), spread.begin(), spread.end());
    }
    std::reverse(arguments.begin(), arguments.end());  // as the library wants them
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return usage_of(app, error, given);
  }
  if (upload->parsed()) return upload_of(*upload, raw);
  if (copy->parsed()) return copy_of(*copy, raw);
  if (store->parsed()) return store_of(list->parsed(), raw);
  if (doctor->parsed()) return doctor_of(raw);
  if (bench->parsed()) return bench_of(raw);
  if (whoami->parsed()) return WhoAmIArguments{.common = common_of(raw)};
  RepoArguments result = raw.repo;
  result.common = common_of(raw);
  result.verb = create->parsed() ? RepoArguments::Verb::create : RepoArguments::Verb::remove;
  if (create->parsed()) result.made.visibility = visibility_of(*create, raw);
  return result;
}

}  // namespace headrace
