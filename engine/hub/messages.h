// messages.h: every JSON body that goes to the Hub or comes from it, as plain values.
//
// A *_body() function makes the text of a request; a parse_*() function reads an answer and checks
// all of it: types, counts, the shape of every oid and URL. Unknown fields are ignored. What is
// wrong comes back as `bad_answer` with a sentence that names the field.
// JSON is known to the .cc files alone. Source: the shared protocol notes, sections 1 to 6, and
// bodies seen from huggingface_hub 2.4.0. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/repo.h"
#include "io/error.h"

namespace headrace {

// An answer larger than this is refused unread. 10,000 part URLs of 1,500 bytes fit.
inline constexpr std::size_t answer_bytes_max = 16 << 20;
// The most files of one preupload call and objects of one batch call that the Hub takes.
inline constexpr std::size_t batch_files_max = 256;
// The most parts of one object; S3 takes no more.
inline constexpr std::size_t parts_max = 10'000;
// How much of a file's beginning preupload wants to see.
inline constexpr std::size_t sample_bytes = 512;

// --- repos (messages_repo.cc) ---

std::string create_repo_body(const RepoId&, const NewRepo&);
// Of a 200 and of a 409 alike: the URL of the repo, whose id may gain its owner here.
Result<std::string> parse_repo_location(std::string_view body);
std::string delete_repo_body(const RepoId&);

struct RepoInfo {
  std::string id;
  std::string sha;  // commit at the head of the revision asked for
  bool is_private = false;
};
Result<RepoInfo> parse_repo_info(std::string_view body);
// Without a starting point the server takes the default branch.
std::string create_branch_body(const std::optional<std::string>& starting_point);

struct WhoAmI {
  std::string name;
  std::string full_name;
  std::string type;               // user, org …
  std::vector<std::string> orgs;  // names
  std::string token_name;         // empty where the server does not say
  std::string token_role;         // read, write, fineGrained …
};
Result<WhoAmI> parse_whoami(std::string_view body);

std::string validate_yaml_body(std::string_view readme, RepoType);
struct YamlVerdict {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};
// Of a 200 and of a 400 alike.
Result<YamlVerdict> parse_validate_yaml(std::string_view body);

std::string create_pull_request_body(std::string_view title, std::string_view description);
// The number of the discussion, 1 or more.
Result<std::uint32_t> parse_discussion_number(std::string_view body);

// What the server said in the body of an error, deduplicated and in one line; the text itself if
// it is neither JSON nor HTML; empty if nothing can be shown. Never fails.
std::string server_message_of(std::string_view body);

// --- files and commits (messages_files.cc) ---

enum class UploadMode : std::uint8_t { regular, lfs };
struct PreuploadFile {
  std::string path;
  std::string sample;  // the first `sample_bytes` of the file, or all of it
  std::uint64_t size = 0;
};
struct PreuploadAnswer {
  UploadMode mode = UploadMode::regular;
  bool should_ignore = false;
  std::string oid;  // what the repo has at this path: git blob SHA-1 or SHA-256; empty if nothing
};
std::string preupload_body(std::span<const PreuploadFile>,
                           const std::optional<std::string>& git_ignore);
// In the order of `asked`. An empty file is regular whatever the server says: S3 has no empty
// parts.
Result<std::vector<PreuploadAnswer>> parse_preupload(std::string_view body,
                                                     std::span<const PreuploadFile> asked);

struct CommitAnswer {
  std::string oid;
  std::string url;
  std::string pull_request_url;           // only with create_pr
  std::uint32_t pull_request_number = 0;  // likewise
};
Result<CommitAnswer> parse_commit(std::string_view body, bool create_pr);

struct TreeEntry {
  std::string path;
  bool is_file = false;
  std::uint64_t size = 0;
  std::string oid;      // git id
  std::string lfs_oid;  // SHA-256, empty for a regular file
};
Result<std::vector<TreeEntry>> parse_tree_page(std::string_view body);
// The target of rel="next" in a Link header, nothing if there is none.
std::optional<std::string> next_page(std::string_view link_header);

// --- large files (messages_lfs.cc) ---

struct LfsObject {
  std::string oid;  // SHA-256, 64 hex digits
  std::uint64_t size = 0;
};
struct LfsHeader {
  std::string name;
  std::string value;
};
struct LfsVerify {
  std::string href;
  std::vector<LfsHeader> headers;
};
enum class LfsTransfer : std::uint8_t { stored, single, multipart, refused };
struct LfsAnswer {
  LfsTransfer transfer = LfsTransfer::stored;
  std::string href;                    // single: where to PUT; multipart: the completion URL
  std::vector<LfsHeader> headers;      // single: to be sent along
  std::uint64_t chunk_size = 0;        // multipart
  std::vector<std::string> part_urls;  // multipart, [0] is part 1
  std::optional<LfsVerify> verify;     // to be called when all is sent
  std::optional<std::int64_t> expires_in_s;
  std::string expires_at;     // RFC 3339, as the server wrote it
  int error_code = 0;         // refused
  std::string error_message;  // refused
};
// `ref` is the revision as the user gave it; nothing while a pull request is made.
std::string lfs_batch_body(std::span<const LfsObject>, const std::optional<std::string>& ref);
// In the order of `asked`. Read as a stream: no tree of the part map is built.
Result<std::vector<LfsAnswer>> parse_lfs_batch(std::string_view body,
                                               std::span<const LfsObject> asked);
// ETags as they came, quotes included; [0] is of part 1.
std::string lfs_completion_body(const LfsObject&, std::span<const std::string> etags);
// What went wrong according to the answer of a completion whose status is a success: S3 sends the
// status before it knows. Empty if nothing did.
std::string completion_error(std::string_view body);
std::string lfs_verify_body(const LfsObject&);

}  // namespace headrace
