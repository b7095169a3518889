// commit_producer.h: the body of a commit, made while it is sent: inline files are read again,
// block by block, and must be what was read first.
//
// Borrows body, files and ticket (one block). stop() is awaited after the send, whatever became of
// it. Errors: those of the sources.
#pragma once

#include "engine/hub/commit_body.h"
#include "engine/scheduler.h"
#include "net/body.h"

namespace headrace {

class CommitProducer final : public BodyProducer {
 public:
  // `files` stands beside the body's operations: the file of an inline addition, null for others.
  CommitProducer(CommitBody& body, std::vector<const FileRecord*> files, Ticket& ticket)
      : body_(body), files_(std::move(files)), ticket_(ticket) {}
  ~CommitProducer() override { CHECK(!reader_); }

  std::uint64_t size() const override { return body_.size(); }
  Task<Result<Piece>> next(Scope& scope) override;
  Status rewind() override;
  Task<void> stop(Scope& scope);

 private:
  Task<Status> append_content(Scope& scope);
  Task<Status> close_reader(Scope& scope, bool verify);

  CommitBody& body_;
  std::vector<const FileRecord*> files_;
  Ticket& ticket_;
  std::unique_ptr<Reader> reader_;
  std::string piece_;
};

}  // namespace headrace
