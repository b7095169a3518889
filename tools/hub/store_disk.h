// store_disk.h: the store on disk: git repositories through libgit2, objects as files.
//
//   format                       the number of this layout
//   lock                         held by the process that uses the root
//   secret                       key of the URLs' signatures, mode 0600
//   repos/models/me/r.git/       a bare repository; its documents in headrace/, its LFS objects
//                                in lfs/objects/, hard links to
//   objects/ab/cd/OID            each LFS object once
//   uploads/ID/                  a multipart upload: record.json, data, parts
//   incoming/                    what is being written; emptied at the start
//
// The LFS folder of a repository is where git-lfs looks, so that a clone of the bare repository
// finds the bytes. Contract, threads, errors: store.h; also `store_root_unusable` and `store_busy`.
#pragma once

#include <memory>
#include <string>

#include "tools/hub/disk_files.h"
#include "tools/hub/store.h"

namespace headrace::hub {

struct DiskStore {
  std::unique_ptr<Store> store;
  std::string secret;
};

// The root is made if it does not exist.
Result<DiskStore> open_disk_store(const Path& root);

}  // namespace headrace::hub
