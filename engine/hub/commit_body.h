// commit_body.h: the NDJSON of a commit, made while it is sent.
//
// One line an operation. The content of an inline file stands in its line as base64 and is never
// whole in memory: the body asks for it piece by piece. Sizes are known, so the length is known
// before the first byte; a file that turns out shorter or longer fails with `source_changed`.
// Lives in: one commit call. Order of use:
//   for (;;) switch (body.step()) {
//     case text:    send(body.take_text());
//     case content: read operation body.operation() from body.offset(), at most body.left() bytes;
//                   body.feed(bytes, out); send(out);
//     case done:    end;
//   }
// rewind() starts again. Source of the lines: the shared protocol notes, section 5. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base64.h"
#include "io/error.h"

namespace headrace {

struct CommitHeader {
  std::string summary;
  std::string description;
  std::string parent_commit;  // empty: whatever the head is
};

enum class CommitVerb : std::uint8_t { file, lfs_file, deleted_file, deleted_folder };
struct CommitOperation {
  CommitVerb verb = CommitVerb::file;
  std::string path;
  std::uint64_t size = 0;  // file, lfs_file
  std::string oid;         // lfs_file: SHA-256
};

// `text` between quotes, escaped for JSON; it must be valid UTF-8.
std::string json_quote(std::string_view text);

class CommitBody {
 public:
  enum class Step : std::uint8_t { text, content, done };

  CommitBody(CommitHeader header, std::vector<CommitOperation> operations);

  std::uint64_t size() const { return size_; }
  const std::vector<CommitOperation>& operations() const { return operations_; }

  Step step() const { return step_; }
  // The text up to the next content, at most about 64 KiB of it; moves on.
  std::string take_text();
  // Of the content wanted now.
  std::size_t operation() const { return operation_; }
  std::uint64_t offset() const { return offset_; }
  std::uint64_t left() const { return operations_[operation_].size - offset_; }
  // Appends the base64 of the next bytes of the content; moves on when they were the last.
  Status feed(std::span<const std::byte> bytes, std::string& out);
  void rewind();

 private:
  CommitHeader header_;
  std::vector<CommitOperation> operations_;
  std::uint64_t size_ = 0;
  Step step_ = Step::text;
  bool header_taken_ = false;
  bool inside_ = false;        // the beginning of the operation's line was taken
  std::size_t operation_ = 0;  // the one whose text or content comes next
  std::uint64_t offset_ = 0;
  Base64Encoder encoder_;
};

// The length of the whole body, without making it.
std::uint64_t commit_body_size(const CommitHeader&, std::span<const CommitOperation>);

}  // namespace headrace
