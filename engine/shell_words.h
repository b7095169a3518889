// shell_words.h: a command line as words, by the quoting rules of a POSIX shell and nothing else of
// it: no variables, no wildcards, no pipes. Splits as Python's shlex.split does.
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headrace {

// Nothing where a quote does not end, or the last character is a backslash.
std::optional<std::vector<std::string>> split_words(std::string_view text);

}  // namespace headrace
