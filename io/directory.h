// directory.h: every regular file below a folder, in a stable order.
//
// Links to files are followed, links to folders are not (so no loop can be entered); what is
// neither is left out and named. The order is that of the path's components, bytewise: a folder's
// files come where its name sorts, as Python sorts paths. Names are bytes; nobody here says that
// they are text. Blocks: run it as a blocking job. Memory: one entry a file.
// Fails with: walk_failed (a folder cannot be read, a file cannot be looked at), cancelled; always
// with the path.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "io/error.h"

namespace headrace {

struct FoundFile {
  std::string path;  // relative to the root, '/' between components
  std::uint64_t size = 0;
};

struct LeftOut {
  std::string path;
  std::string_view
      why;  // a constant: "link to a folder", "link to itself", "dangling link", "socket" …
};

struct DirectoryListing {
  std::vector<FoundFile> files;
  std::vector<LeftOut> left_out;
};

struct WalkOptions {
  // Whether to go into a folder, by its relative path; none given: into all.
  std::function<bool(std::string_view folder)> enter;
  // Looked at between folders; the walk ends with `cancelled` once it is true.
  const std::atomic<bool>* stop = nullptr;
};

Result<DirectoryListing> walk_directory(const std::string& root, const WalkOptions& options = {});

}  // namespace headrace
