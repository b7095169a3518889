#include "tools/hub/protocol_request.h"

#include <algorithm>

#include <fmt/format.h>

#include "tools/hub/json.h"

namespace headrace::hub {
namespace {

bool valid_name_part(std::string_view part) {
  if (part.empty() || part.size() > 96) return false;
  for (char c : part) {
    bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                c == '_' || c == '-' || c == '.';
    if (!good) return false;
  }
  auto edge = [](char c) { return c == '-' || c == '.'; };
  return !edge(part.front()) && !edge(part.back()) && !part.contains("--") &&
         !part.contains("..") && !part.ends_with(".git");
}

}  // namespace

std::string Protocol::Request::joined_args(std::size_t first) const {
  std::string joined;
  for (std::size_t i = first; i < args.size(); ++i) {
    if (i > first) joined += '/';
    joined += args[i];
  }
  return joined;
}

std::string_view type_of_segment(std::string_view segment) {
  if (segment == "models") return "model";
  if (segment == "datasets") return "dataset";
  if (segment == "spaces") return "space";
  if (segment == "kernels") return "kernel";
  return "";
}

std::string web_prefix(const RepoId& repo) {
  return "/" + (repo.type == "model" ? "" : repo.type + "s/") + repo.name;
}

std::string api_prefix(const RepoId& repo) { return "/api/" + repo.type + "s/" + repo.name; }

bool valid_repo_name(std::string_view name) {
  std::size_t slash = name.find('/');
  return slash != std::string_view::npos && valid_name_part(name.substr(0, slash)) &&
         valid_name_part(name.substr(slash + 1));
}

bool valid_repo_path(std::string_view path) {
  if (path.empty() || path.size() > 4096 || path.contains('\0')) return false;
  while (true) {
    std::string_view part = path.substr(0, path.find('/'));
    if (part.empty() || part == "." || part == ".." || part.size() > 255) return false;
    if (same_name(part, ".git")) return false;  // some file systems don't know case
    if (part.size() == path.size()) return true;
    path.remove_prefix(part.size() + 1);
  }
}

// git check-ref-format, for the part behind refs/heads/.
bool valid_ref_name(std::string_view name) {
  if (name.empty() || name.size() > 200 || name == "@" || name.contains("..") ||
      name.contains("@{") || name.contains("//") || name.starts_with('/') || name.ends_with('/') ||
      name.ends_with('.') || name.starts_with('-')) {
    return false;
  }
  for (char c : name) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == 0x7f || std::string_view("~^:?*[\\").contains(c)) return false;
  }
  for (std::string_view rest = name; !rest.empty();) {
    std::string_view part = rest.substr(0, rest.find('/'));
    if (part.starts_with('.') || part.ends_with(".lock")) return false;
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  }
  return true;
}

Answer json_answer(int status, std::string body) {
  Answer answer;
  answer.status = status;
  answer.headers.set("Content-Type", "application/json; charset=utf-8");
  answer.body = std::move(body);
  return answer;
}

Answer error_answer(int status, std::string_view message, std::string_view code) {
  Answer answer = json_answer(status, dump_json({{"error", message}}));
  if (!code.empty()) answer.headers.set("X-Error-Code", code);
  // A header is one line; the body has the whole text.
  std::string line(message.substr(0, 500));
  std::ranges::replace_if(line, [](unsigned char c) { return c < ' ' || c >= 0x7f; }, '?');
  answer.headers.set("X-Error-Message", line);
  return answer;
}

Answer lfs_error(int status, std::string_view message) {
  Answer answer = error_answer(status, message);
  answer.headers.set("Content-Type", "application/vnd.git-lfs+json");
  answer.body = dump_json({{"message", message}, {"error", message}});
  return answer;
}

Answer xml_error(int status, std::string_view code, std::string_view message) {
  Answer answer;
  answer.status = status;
  answer.headers.set("Content-Type", "application/xml");
  answer.body = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>"
      "</Error>",
      code, message);
  return answer;
}

Answer failure_answer(const Error& error) {
  if (is_code(error, "store_not_found")) {
    return error_answer(404, "Repository not found", "RepoNotFound");
  }
  int status = error.sys_error == ENOSPC || error.sys_error == EDQUOT ? 507 : 500;
  return error_answer(status, fmt::format("the hub could not do it: {}", error.message));
}

std::unexpected<Answer> refuse(int status, std::string_view message, std::string_view code) {
  return std::unexpected(error_answer(status, message, code));
}

bool is_code(const Error& error, std::string_view code) { return error.code == code; }

}  // namespace headrace::hub
