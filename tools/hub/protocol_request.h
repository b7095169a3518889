// protocol_request.h: what the protocol's files share among themselves: the request as routed,
// and how answers are made. Not for users of the protocol.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/hub/protocol.h"

namespace headrace::hub {

struct Protocol::Request {
  const Call& call;
  Target target;
  std::string user;  // whose token came; empty without one
  bool may_write = false;
  RepoId repo;
  std::string record;             // the repository's document, JSON
  std::vector<std::string> args;  // segments behind the verb

  explicit Request(const Call& made) : call(made), target(made.target) {}
  std::string joined_args(std::size_t first = 0) const;
};

// "model" and "models" and the prefix of web addresses: "", "datasets/", …
std::string_view type_of_segment(std::string_view segment);
std::string web_prefix(const RepoId& repo);
std::string api_prefix(const RepoId& repo);
bool valid_repo_name(std::string_view name);
bool valid_repo_path(std::string_view path);
bool valid_ref_name(std::string_view name);

Answer json_answer(int status, std::string body);
// `code` is the value of X-Error-Code, as clients know it, or empty.
Answer error_answer(int status, std::string_view message, std::string_view code = "");
Answer lfs_error(int status, std::string_view message);
// As the object store behind the real Hub answers.
Answer xml_error(int status, std::string_view code, std::string_view message);
// For what the store could not do.
Answer failure_answer(const Error& error);
std::unexpected<Answer> refuse(int status, std::string_view message, std::string_view code = "");
bool is_code(const Error& error, std::string_view code);

// The URL of one transfer, before it is signed.
struct Protocol::TransferUrl {
  std::string method;
  RepoId repo;
  std::string oid;
  std::uint64_t size = 0;
  std::string upload;        // empty: a single PUT, verify or a download; see is_put()
  std::uint64_t part = 0;    // from 1; 0: completion
  std::int64_t expires = 0;  // unix seconds

  // Verifies what one PUT has brought to a store elsewhere, whose name for it stands behind this.
  static constexpr std::string_view put_prefix = "put-";
  bool is_put() const { return upload.starts_with(put_prefix); }
};

struct Protocol::FileInfo {
  std::uint64_t size = 0;
  std::uint64_t blob_size = 0;
  std::string lfs_oid;  // empty: not an LFS file
};

struct Protocol::NewDiscussion {
  std::string title;
  std::string description;
  std::string author;
  std::string status;
  std::string commit;  // head of the pull request; empty for a discussion
  std::string base;    // the branch it is for
};

}  // namespace headrace::hub
