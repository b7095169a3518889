#include "engine/repo.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/settings.h"
#include "net/url.h"

namespace headrace {
namespace {

constexpr std::size_t repo_name_bytes_max = 96;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

// What is wrong with one half of an id, empty if nothing is.
std::string_view fault_of_name(std::string_view name) {
  if (name.empty()) return "a part of it is empty";
  if (name.size() > repo_name_bytes_max) return "a part of it is longer than 96 characters";
  if (!std::all_of(name.begin(), name.end(), is_name_char)) {
    return "only letters, digits, '-', '_' and '.' may stand in it";
  }
  if (name.front() == '-' || name.front() == '.' || name.back() == '-' || name.back() == '.') {
    return "a part of it starts or ends with '-' or '.'";
  }
  if (name.find("--") != name.npos || name.find("..") != name.npos) {
    return "'--' and '..' are not allowed";
  }
  if (name.ends_with(".git")) return "it ends with .git";
  return {};
}

Error bad_repo_id(std::string_view text, std::string_view why) {
  return make_error(ErrorClass::fail, "bad_repo_id",
                    fmt::format("'{}' is not the id of a repo: {}", text, why))
      .at("arguments")
      .hinting("write it as OWNER/NAME, as on the repo's page");
}

std::string_view web_prefix(RepoType type) {
  switch (type) {
    case RepoType::model:
      return "";
    case RepoType::dataset:
      return "datasets/";
    case RepoType::space:
      return "spaces/";
    case RepoType::kernel:
      return "kernels/";
  }
  return "";
}

// Takes "datasets/" and its kin off the front.
RepoType take_type_prefix(std::string_view& text, bool models_too) {
  for (RepoType type : {RepoType::dataset, RepoType::space, RepoType::kernel}) {
    if (text.starts_with(web_prefix(type))) {
      text.remove_prefix(web_prefix(type).size());
      return type;
    }
  }
  if (models_too && text.starts_with("models/")) text.remove_prefix(7);
  return RepoType::model;
}

}  // namespace

std::string_view name_of(RepoType type) {
  switch (type) {
    case RepoType::model:
      return "model";
    case RepoType::dataset:
      return "dataset";
    case RepoType::space:
      return "space";
    case RepoType::kernel:
      return "kernel";
  }
  return "model";
}

Result<RepoType> parse_repo_type(std::string_view text) {
  for (RepoType type : {RepoType::model, RepoType::dataset, RepoType::space, RepoType::kernel}) {
    if (text == name_of(type)) return type;
  }
  return fail(
      make_error(ErrorClass::fail, "bad_repo_type", fmt::format("'{}' is not a type of repo", text))
          .at("arguments")
          .hinting("the types are model, dataset, space and kernel"));
}

Result<RepoId> parse_repo_id(RepoType type, std::string_view text) {
  RepoId repo{.type = type, .owner = {}, .name = {}};
  const std::size_t slash = text.find('/');
  if (slash != text.npos) {
    repo.owner = text.substr(0, slash);
    if (text.find('/', slash + 1) != text.npos) {
      return fail(bad_repo_id(text, "it has more than one '/'"));
    }
    if (std::string_view fault = fault_of_name(repo.owner); !fault.empty()) {
      return fail(bad_repo_id(text, fault));
    }
  }
  repo.name = slash == text.npos ? text : text.substr(slash + 1);
  if (std::string_view fault = fault_of_name(repo.name); !fault.empty()) {
    return fail(bad_repo_id(text, fault));
  }
  return repo;
}

bool is_repo_uri(std::string_view text) { return text.starts_with("hf://"); }

Result<RepoUri> parse_repo_uri(std::string_view text) {
  std::string_view rest = text;
  if (is_repo_uri(rest)) rest.remove_prefix(5);
  if (rest.starts_with("buckets/")) {
    return fail(bad_repo_id(text, "buckets are not repos, and headrace does not write to them"));
  }
  const RepoType type = take_type_prefix(rest, true);
  const std::size_t slash = rest.find('/');
  if (slash == rest.npos) return fail(bad_repo_id(text, "OWNER/NAME is missing"));
  const std::size_t end = std::min(rest.find_first_of("/@", slash + 1), rest.size());
  Result<RepoId> repo = parse_repo_id(type, rest.substr(0, end));
  if (!repo) return fail(std::move(repo.error()));
  RepoUri uri{.repo = std::move(*repo), .revision = {}, .path = {}};
  rest.remove_prefix(end);
  if (rest.starts_with('@')) {
    rest.remove_prefix(1);
    // refs/pr/N and refs/convert/NAME may hold slashes here; others write theirs as %2F.
    std::size_t revision_end = rest.find('/');
    for (std::string_view special : {"refs/pr/", "refs/convert/"}) {
      if (rest.starts_with(special)) revision_end = rest.find('/', special.size());
    }
    revision_end = std::min(revision_end, rest.size());
    Result<std::string> revision = percent_decode(rest.substr(0, revision_end));
    if (!revision || revision->empty()) {
      return fail(bad_repo_id(text, "the revision after '@' cannot be read"));
    }
    uri.revision = std::move(*revision);
    rest.remove_prefix(revision_end);
  }
  while (rest.starts_with('/')) rest.remove_prefix(1);
  uri.path = rest;
  return uri;
}

Result<RepoId> parse_repo_url(std::string_view url, std::string_view endpoint) {
  const std::string plain = on_endpoint(url, endpoint);
  std::string_view rest = plain;
  if (!rest.starts_with(endpoint) || !rest.substr(endpoint.size()).starts_with('/')) {
    return fail(bad_repo_id(url, "the address is not on the endpoint"));
  }
  rest.remove_prefix(endpoint.size() + 1);
  const RepoType type = take_type_prefix(rest, false);
  const std::size_t slash = rest.find('/');
  if (slash == rest.npos) return parse_repo_id(type, rest);
  return parse_repo_id(type, rest.substr(0, rest.find('/', slash + 1)));
}

std::string on_endpoint(std::string_view url, std::string_view endpoint) {
  const bool public_url =
      url.starts_with(public_endpoint) &&
      (url.size() == public_endpoint.size() || url[public_endpoint.size()] == '/');
  if (!public_url) return std::string(url);
  return std::string(endpoint) + std::string(url.substr(public_endpoint.size()));
}

RepoUrls::RepoUrls(std::string endpoint, RepoId repo)
    : endpoint_(std::move(endpoint)), repo_(std::move(repo)) {
  api_ = fmt::format("{}/api/{}s/{}", endpoint_, name_of(repo_.type), repo_.text());
  web_ = fmt::format("{}/{}{}", endpoint_, web_prefix(repo_.type), repo_.text());
}

std::string RepoUrls::revision(std::string_view revision) const {
  return api_ + "/revision/" + percent_encode(revision);
}

std::string RepoUrls::branch(std::string_view branch) const {
  return api_ + "/branch/" + percent_encode(branch);
}

std::string RepoUrls::preupload(std::string_view revision, bool create_pr) const {
  return api_ + "/preupload/" + percent_encode(revision) + (create_pr ? "?create_pr=1" : "");
}

std::string RepoUrls::lfs_batch() const { return web_ + ".git/info/lfs/objects/batch"; }

std::string RepoUrls::commit(std::string_view revision, bool create_pr) const {
  return api_ + "/commit/" + percent_encode(revision) + (create_pr ? "?create_pr=1" : "");
}

std::string RepoUrls::tree(std::string_view revision, std::string_view path) const {
  std::string url = api_ + "/tree/" + percent_encode(revision);
  if (!path.empty()) url += "/" + percent_encode(path);
  return url + "?recursive=true&expand=false";
}

std::string RepoUrls::resolve(std::string_view revision, std::string_view path) const {
  return web_ + "/resolve/" + percent_encode(revision) + "/" + percent_encode(path, "/");
}

std::string RepoUrls::tree_page(std::string_view revision, std::string_view path) const {
  std::string url = web_ + "/tree/" + percent_encode(revision);
  if (!path.empty()) url += "/" + percent_encode(path, "/");
  return url;
}

std::string RepoUrls::blob_page(std::string_view revision, std::string_view path) const {
  return web_ + "/blob/" + percent_encode(revision) + "/" + percent_encode(path, "/");
}

std::string RepoUrls::commit_page(std::string_view oid) const {
  return web_ + "/commit/" + std::string(oid);
}

}  // namespace headrace
