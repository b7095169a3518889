// environment.h: variables and files that a test says, in the place of this process's. A file whose
// text is "EACCES" can't be read.
#pragma once

#include <cerrno>
#include <map>
#include <string>

#include "engine/settings.h"

namespace headrace {

using TextMap = std::map<std::string, std::string, std::less<>>;

inline Environment environment_of(TextMap variables, TextMap files = {}) {
  return {.variable = [variables = std::move(variables)](
                          std::string_view name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            if (found == variables.end()) return std::nullopt;
            return found->second;
          },
          .read_file = [files = std::move(files)](
                           const std::string& path) -> Result<std::optional<std::string>> {
            const auto found = files.find(path);
            if (found == files.end()) return std::optional<std::string>();
            if (found->second == "EACCES") {
              return fail(system_error("token_file_unreadable", "open", EACCES));
            }
            return std::optional<std::string>(found->second);
          }};
}

}  // namespace headrace
