// sim_wish.h: what one seed asks an upload to do, and what a repo must look like after it.
//
// Where it goes (a branch, a new branch, a pull request; the root or a folder), what is deleted,
// and what the repo held before. Pure: drawn by chance, judged by comparison.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/request.h"
#include "engine/result.h"
#include "io/prng.h"

namespace headrace {

using SimTree = std::map<std::string, std::string>;  // path to bytes

struct SimWish {
  std::string into;                     // a folder of the repo with its slash; empty: the root
  std::optional<std::string> revision;  // nothing: main
  bool create_pr = false;
  bool deletes = false;  // what lies below old/
  SimTree before;        // what main held; none: there was no repo

  static SimWish draw(Prng& prng);
  // The repo has one of the folder's files already.
  void has_already(const std::string& name, const std::string& bytes) {
    if (!before.empty()) before[into + name] = bytes;
  }

  void put_into(UploadRequest& request) const;
  std::string revision_of(const UploadResult& result) const;
  // What the repo at that revision lacks, has too much, or has otherwise than it had it before; of
  // the folder's files only that they are there is left to whoever asks. Sentences.
  std::vector<std::string> judge(const SimTree& stored, const SimTree& folder) const;
};

}  // namespace headrace
