// repo_path.h: what a file is called inside a repo.
//
// The rules of huggingface_hub 2.4.0: one leading '/' and one leading './' go, '.' and any '..'
// are refused, and so are segments '.git' and '.cache'. Ours on top, since git would refuse them
// later and with less to say: valid UTF-8 only, no NUL, no empty segment, no '.' inside.
// Fails with: bad_path_in_repo, not_utf8. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "io/error.h"

namespace headrace {

// The path of one file. A trailing '/' (a folder to delete) is refused here.
Result<std::string> clean_repo_path(std::string_view path);
// The folder that an upload goes into: empty for the root ('', '.', './', '/').
Result<std::string> clean_repo_folder(std::string_view path);
// folder/relative, or relative if there is no folder; both checked.
Result<std::string> join_repo_path(std::string_view folder, std::string_view relative);

}  // namespace headrace
