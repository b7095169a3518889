// naming.h: from what a command line says to the repo that it means. Pure.
// Fails with: bad_repo_id, bad_repo_type, bad_arguments.
#pragma once

#include <optional>
#include <string>

#include "engine/repo.h"
#include "io/error.h"

namespace headrace {

// `text` is an id, an id with a type before it (datasets/OWNER/NAME), or an hf:// address; the
// latter two name the type themselves, and an address may name revision and path.
Result<RepoUri> name_repo(const std::string& text, const std::optional<std::string>& type,
                          const std::optional<std::string>& revision);

}  // namespace headrace
