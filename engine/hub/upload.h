// upload.h: HubUpload, one upload to the Hub from the walk of the folder to the last commit.
//
// run() once, on a worker of the crew; everything it starts has ended when it returns. Commits are
// sent one after the other, each whole or nothing; if one fails, those before it stay and the error
// says how many landed. Cancelling the scope ends it with class cancelled.
#pragma once

#include "engine/crew.h"
#include "engine/hub/road.h"
#include "engine/local_files.h"
#include "engine/reporter.h"
#include "engine/transfer.h"

namespace headrace {

// What lists the files, as a blocking job; a simulation has a folder of its own.
using FindFiles =
    std::function<Result<LocalFiles>(const UploadRequest& request, const std::atomic<bool>& stop)>;

class HubUpload {
 public:
  HubUpload(Crew& crew, UploadRequest request, std::uint32_t connections, Reporter& reporter,
            FindFiles find_files = find_local_files);
  Task<Result<UploadResult>> run(Scope& scope);

 private:
  struct Operation {
    CommitOperation line;
    const FileRecord* file = nullptr;  // of an inline addition
    bool deletes = false;
  };

  Task<Status> scan(Scope& scope);
  Result<UploadResult> plan_only();
  Status check_single_commit() const;
  Task<Status> prepare_repo(Scope& scope);
  Task<Status> read_root_files(Scope& scope);
  Task<Result<std::string>> read_text(Scope& scope, const FileRecord& file);
  Task<Status> find_deletions(Scope& scope);
  Task<Status> transfer(Scope& scope);
  void gather_operations();
  Task<Status> commit_all(Scope& scope);
  Task<Status> commit_one(Scope& scope, const CommitSlice& slice, std::size_t number,
                          std::size_t count);
  Task<Status> nothing_to_commit(Scope& scope);
  void finish_result();

  HubClient hub();
  const FileRecord* root_file(std::string_view path) const;
  const FileRecord* readme() const;
  std::string revision() const { return request_.revision.value_or("main"); }

  Crew& crew_;
  UploadRequest request_;
  const std::uint32_t connections_;
  Reporter& reporter_;
  const FindFiles find_files_;
  HubAccess access_;
  LocalFiles local_;
  std::optional<std::string> git_ignore_;
  std::vector<std::string> deletions_;
  std::unique_ptr<HubRoad> road_;
  std::unique_ptr<Transfer> transfer_;
  std::vector<Operation> operations_;
  std::string commit_revision_;  // where the next commit goes
  UploadResult result_;
};

}  // namespace headrace
