// ini.h: configuration files of the kind that Python's configparser reads.
//
// `[section]` lines, then `option = value` (or `:`) lines; a line that is indented deeper than its
// option goes on with the value, joined by a line feed; whole lines that begin with # or ; are
// comments. Option names are in small letters. What stands under [DEFAULT] is in every section.
// As strict as there: a section or an option that comes twice is an error, so that nobody's key
// is silently the other one.
// Pure; any thread. Fails with: bad_ini, which names the line and never shows it, since it may
// hold a secret. Source: Python 3.11, configparser.RawConfigParser.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/error.h"

namespace headrace {

using IniOptions = std::vector<std::pair<std::string, std::string>>;

struct IniSection {
  std::string name;
  IniOptions options;
};

Result<std::vector<IniSection>> parse_ini(std::string_view text);

// The value of an option, null if it is not there.
const std::string* find_option(const IniOptions& options, std::string_view name);
// Replaces the option of that name, or adds it.
void set_option(IniOptions& options, std::string_view name, std::string_view value);

// The options in a value that begins with a line feed: `s3 =` and indented lines below it. Other
// values have none.
Result<IniOptions> nested_options(std::string_view value);

}  // namespace headrace
