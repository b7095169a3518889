#include "engine/repo_path.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/utf8.h"

namespace headrace {
namespace {

// git refuses names beyond this on every file system that people use.
constexpr std::size_t repo_path_bytes_max = 4096;

Error bad_path(std::string_view path, std::string_view why) {
  return make_error(ErrorClass::fail, "bad_path_in_repo",
                    fmt::format("'{}' cannot be a path in a repo: {}", path, why))
      .at("paths")
      .on_path(path)
      .hinting("choose another path, or leave the file out with --exclude");
}

// What is wrong with one segment, empty if nothing is.
std::string_view fault_of_segment(std::string_view segment) {
  if (segment.empty()) return "a segment is empty";
  if (segment == ".") return "a segment is '.'";
  if (segment == "..") return "a segment is '..'";
  if (segment == ".git" || segment == ".cache") {
    return "'.git' and '.cache' are not uploaded";
  }
  return {};
}

}  // namespace

Result<std::string> clean_repo_path(std::string_view path) {
  if (!is_valid_utf8(path)) {
    std::string shown;
    for (std::size_t at = 0; at < path.size();) {
      const CodePoint point = decode_utf8(path, at);
      if (point.valid) {
        shown += path.substr(at, point.size);
      } else {
        shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(path[at]));
      }
      at += point.size;
    }
    return fail(
        make_error(ErrorClass::fail, "not_utf8",
                   fmt::format("the name '{}' is not valid UTF-8, and paths in a repo are", shown))
            .at("paths")
            .on_path(shown)
            .hinting("rename the file or leave it out with --exclude"));
  }
  std::string_view rest = path;
  if (rest.starts_with('/')) rest.remove_prefix(1);
  if (rest.starts_with("./")) rest.remove_prefix(2);
  if (rest.size() > repo_path_bytes_max) return fail(bad_path(path, "it is too long"));
  if (rest.find('\0') != rest.npos) return fail(bad_path(path, "it holds a zero byte"));
  for (std::size_t begin = 0; begin <= rest.size();) {
    const std::size_t end = std::min(rest.find('/', begin), rest.size());
    if (std::string_view fault = fault_of_segment(rest.substr(begin, end - begin));
        !fault.empty()) {
      return fail(bad_path(path, fault));
    }
    begin = end + 1;
  }
  return std::string(rest);
}

Result<std::string> clean_repo_folder(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty() || path == ".") return std::string();
  return clean_repo_path(path);
}

Result<std::string> join_repo_path(std::string_view folder, std::string_view relative) {
  if (folder.empty()) return clean_repo_path(relative);
  return clean_repo_path(fmt::format("{}/{}", folder, relative));
}

}  // namespace headrace
