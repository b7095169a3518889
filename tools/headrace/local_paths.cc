#include "tools/headrace/local_paths.h"

#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>

namespace headrace {
namespace {

Error argument_error(std::string_view code, std::string_view message, std::string_view hint) {
  return make_error(ErrorClass::fail, code, message).at("arguments").hinting(hint);
}

std::string base_name(const std::string& path) {
  std::string_view rest = path;
  while (rest.size() > 1 && rest.ends_with('/')) rest.remove_suffix(1);
  return std::string(rest.substr(rest.rfind('/') + 1));
}

Result<LocalChoice> pattern_choice(const PathArguments& arguments) {
  if (arguments.include) {
    return fail(argument_error("bad_arguments", "--include cannot go with a pattern as local path",
                               "give the pattern with --include and '.' as local path"));
  }
  if (arguments.path_in_repo && *arguments.path_in_repo != ".") {
    return fail(argument_error("bad_arguments",
                               "a path in the repo cannot go with a pattern as local path",
                               "give the pattern with --include and the folder as local path"));
  }
  return LocalChoice{.path = ".",
                     .is_file = false,
                     .path_in_repo = "",
                     .include = std::vector<std::string>{*arguments.local_path}};
}

Error unusable_path(const std::string& path, const LocalLook& look) {
  Error error;
  std::string_view hint = "correct the local path";
  if (look.sys_error == ELOOP) {
    error = system_error("symlink_loop", "the path leads back to itself", look.sys_error);
    hint = "remove the symbolic link, or give the path of the file itself";
  } else if (look.sys_error != 0 && look.sys_error != ENOENT && look.sys_error != ENOTDIR) {
    error = system_error("walk_failed", "the path can't be looked at", look.sys_error);
    if (look.sys_error == EACCES) hint = "check the permissions of the folders above it";
  } else {
    const bool missing = look.kind == LocalKind::nothing;
    error = make_error(
        ErrorClass::fail, "no_such_path",
        missing ? "there is no such file or folder" : "this is neither a file nor a folder");
    error.sys_error = missing ? ENOENT : 0;
  }
  return std::move(error).at("scan").on_path(path).hinting(hint);
}

}  // namespace

LocalLook look_at_path(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return {LocalKind::nothing, errno};
  if (S_ISREG(info.st_mode)) return LocalKind::file;
  if (S_ISDIR(info.st_mode)) return LocalKind::folder;
  return LocalKind::other;
}

Result<LocalChoice> choose_local(const PathArguments& arguments, const LookAt& look_at) {
  const std::string path = arguments.local_path.value_or(arguments.repo_name);
  const LocalLook look = look_at(path);
  const LocalKind kind = look.kind;
  const bool usable = kind == LocalKind::file || kind == LocalKind::folder;
  if (!arguments.local_path && !usable) {
    return fail(argument_error("local_path_needed",
                               fmt::format("'{}' is neither a file nor a folder here", path),
                               "give the local path after the repo's id"));
  }
  if (kind == LocalKind::nothing && path.find_first_of("*?[") != std::string::npos) {
    return pattern_choice(arguments);
  }
  if (!usable) return fail(unusable_path(path, look));
  LocalChoice choice{.path = path,
                     .is_file = kind == LocalKind::file,
                     .path_in_repo = arguments.path_in_repo.value_or(""),
                     .include = arguments.include};
  if (choice.is_file && !arguments.path_in_repo) choice.path_in_repo = base_name(path);
  return choice;
}

}  // namespace headrace
