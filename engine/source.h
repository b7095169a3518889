// source.h: where bytes come from. With target.h one of the two things that a new road adds.
//
// A Source is immutable and shared by all workers; open() gives one worker a Reader. A Reader says
// what the file was when it was opened; whoever sends bytes compares that with what was hashed, and
// calls verify() after the last read: a file that changes while it is read fails with
// `source_changed` (class changed). close() is awaited before a Reader dies.
// Errors: open_failed, read_failed, not_a_file, source_changed, source_ended_early.
#pragma once

#include <memory>
#include <string>

#include "io/error.h"
#include "io/operation.h"
#include "net/body.h"

namespace headrace {

// read() fills all of `into`; the file ending before that is `source_ended_early`.
class Reader : public RangeSource {
 public:
  virtual const FileIdentity& identity() const = 0;
  // Looks again: is it still what it was when it was opened?
  virtual Task<Status> verify(Scope& scope) = 0;
  virtual Task<void> close(Scope& scope) = 0;
};

class Source {
 public:
  virtual ~Source() = default;
  // For messages: the local path.
  virtual const std::string& name() const = 0;
  virtual Task<Result<std::unique_ptr<Reader>>> open(Scope& scope) const = 0;
};

// A regular file, through the worker's backend.
class FileSource final : public Source {
 public:
  explicit FileSource(std::string path) : path_(std::move(path)) {}
  const std::string& name() const override { return path_; }
  Task<Result<std::unique_ptr<Reader>>> open(Scope& scope) const override;

 private:
  std::string path_;
};

// That `name` is no longer what was read before.
Error source_changed(const std::string& name, std::string_view how);

}  // namespace headrace
