// yaml_check.h: a modest look at the front matter of a README.
// Not a YAML parser: it finds a block that never ends, tabs as indentation, a line of the top
// level without a colon and a key given twice, and passes everything else. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headrace::hub {

// What is wrong, one sentence each; empty if nothing was found.
std::vector<std::string> check_front_matter(std::string_view readme);

}  // namespace headrace::hub
