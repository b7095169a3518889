// repo.h: what a repo on the Hub is called, and the URL of everything that belongs to it.
//
// RepoId is checked once (bad_repo_id, bad_repo_type) and trusted afterwards. A revision is
// percent-encoded whole, so that refs/pr/1 is one segment; a path keeps its slashes except under
// /tree/ of the API. Source: the shared protocol notes, sections 2 to 6. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/error.h"

namespace headrace {

enum class RepoType : std::uint8_t { model, dataset, space, kernel };
std::string_view name_of(RepoType);
Result<RepoType> parse_repo_type(std::string_view text);

struct RepoId {
  RepoType type = RepoType::model;
  std::string owner;  // user or organisation; empty where only a name was given
  std::string name;

  std::string text() const { return owner.empty() ? name : owner + "/" + name; }
};
Result<RepoId> parse_repo_id(RepoType, std::string_view text);

// What a repo is made with. One that exists stays as it is.
struct NewRepo {
  std::string visibility;  // public, private or protected; empty: as the account has it
  std::string space_sdk;   // a space needs one
  std::string resource_group_id;
  std::string region;
  bool exist_ok = true;  // else one that exists is `repo_exists`
};

// hf://[TYPE/]OWNER/NAME[@REVISION][/PATH]
struct RepoUri {
  RepoId repo;
  std::optional<std::string> revision;
  std::string path;
};
bool is_repo_uri(std::string_view text);
Result<RepoUri> parse_repo_uri(std::string_view text);
// The repo that a page's URL names: {endpoint}[/{type}s]/{owner}/{name}[/…].
Result<RepoId> parse_repo_url(std::string_view url, std::string_view endpoint);

// A server behind a mirror may name the public endpoint; what it meant is `endpoint`.
std::string on_endpoint(std::string_view url, std::string_view endpoint);

// The address of every call. `revision` and paths are given plain.
class RepoUrls {
 public:
  RepoUrls(std::string endpoint, RepoId repo);

  const RepoId& repo() const { return repo_; }
  const std::string& endpoint() const { return endpoint_; }

  // Of the endpoint.
  std::string create_repo() const { return endpoint_ + "/api/repos/create"; }
  std::string delete_repo() const { return endpoint_ + "/api/repos/delete"; }
  std::string whoami() const { return endpoint_ + "/api/whoami-v2"; }
  std::string validate_yaml() const { return endpoint_ + "/api/validate-yaml"; }
  // Of the repo.
  std::string info() const { return api_; }
  std::string revision(std::string_view revision) const;
  std::string branch(std::string_view branch) const;
  std::string preupload(std::string_view revision, bool create_pr) const;
  std::string lfs_batch() const;
  std::string commit(std::string_view revision, bool create_pr) const;
  std::string tree(std::string_view revision, std::string_view path) const;
  std::string discussions() const { return api_ + "/discussions"; }
  std::string resolve(std::string_view revision, std::string_view path) const;
  // Pages for people; these are what an upload prints.
  std::string page() const { return web_; }
  std::string tree_page(std::string_view revision, std::string_view path) const;
  std::string blob_page(std::string_view revision, std::string_view path) const;
  std::string commit_page(std::string_view oid) const;

 private:
  std::string endpoint_;
  RepoId repo_;
  std::string api_;  // {endpoint}/api/{type}s/{id}
  std::string web_;  // {endpoint}/[{type}s/]{id}
};

}  // namespace headrace
