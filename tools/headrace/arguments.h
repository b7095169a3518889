// arguments.h: a command line, made into values. The only file that knows the parser's library.
//
// The flags are those of the ecosystem's own `upload` (huggingface_hub 2.4.0) and ours. What a
// person asked wrongly comes back as Usage, which main prints and turns into exit code 2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/copy_request.h"
#include "engine/options.h"
#include "engine/plan.h"
#include "engine/repo.h"
#include "engine/settings.h"

namespace headrace {

enum class OutputFormat : std::uint8_t { human, quiet, json };

// What every verb that speaks to a Hub has.
struct CommonArguments {
  SettingsFlags settings;
  EngineOptions engine;
  OutputFormat format = OutputFormat::human;
  int verbosity = 0;
};

struct UploadArguments {
  CommonArguments common;
  std::string repo_id;  // OWNER/NAME, or an hf:// address
  std::optional<std::string> local_path;
  std::optional<std::string> path_in_repo;
  std::optional<std::string> repo_type;
  std::optional<std::string> revision;
  std::optional<bool> is_private;
  std::optional<std::vector<std::string>> include;
  std::vector<std::string> exclude;
  std::optional<std::vector<std::string>> delete_patterns;
  std::string message;
  std::string description;
  bool create_pr = false;
  bool dry_run = false;
  bool keep_going = false;
  CommitLimits commit_limits;
};

struct RepoArguments {
  enum class Verb : std::uint8_t { create, remove };
  CommonArguments common;
  Verb verb = Verb::create;
  std::string repo_id;
  std::optional<std::string> repo_type;
  NewRepo made;             // of create
  bool missing_ok = false;  // of remove
};

struct WhoAmIArguments {
  CommonArguments common;
};

struct DoctorArguments {
  CommonArguments common;
  std::string repo_id;  // empty: no repo is looked at
  std::optional<std::string> repo_type;
};

struct BenchArguments {
  CommonArguments common;
  std::string folder = ".";
};

struct CopyArguments {
  CommonArguments common;
  S3Flags store;
  std::vector<std::string> sources;
  std::string target;  // s3://BUCKET[/KEY]
  std::optional<std::vector<std::string>> include;
  std::vector<std::string> exclude;
  std::string content_type;
  std::vector<std::string> metadata;  // NAME=VALUE
  std::vector<std::string> tags;      // NAME=VALUE
  std::string storage_class;
  std::string encryption;
  std::string kms_key_id;
  CopyChecksum checksum = CopyChecksum::crc64nvme;
  std::uint64_t part_size = 0;
  bool if_none_match = false;
  bool skip_existing = false;
  bool keep_going = false;
  bool dry_run = false;
};

// Of unfinished uploads.
struct StoreArguments {
  enum class Verb : std::uint8_t { list, abort };
  CommonArguments common;
  S3Flags store;
  Verb verb = Verb::list;
  std::string target;  // s3://BUCKET[/PREFIX]
};

// Help, the version, or what was wrong with the command line.
struct Usage {
  std::string text;
  int exit_code = 0;
  bool wants_json = false;  // whether --json was asked for, however wrong the rest is
};

using Arguments = std::variant<UploadArguments, CopyArguments, StoreArguments, RepoArguments,
                               WhoAmIArguments, DoctorArguments, BenchArguments, Usage>;

// Without the name of the program.
Arguments parse_arguments(std::vector<std::string> arguments);

}  // namespace headrace
