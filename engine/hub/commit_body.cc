#include "engine/hub/commit_body.h"

#include <fmt/format.h>

#include "io/check.h"

namespace headrace {
namespace {

// Texts are handed out in pieces of about this size, so that a thousand deletions are neither a
// thousand sends nor one huge text.
constexpr std::size_t text_piece_bytes = 64 * 1024;

std::string header_line(const CommitHeader& header) {
  std::string line =
      fmt::format(R"({{"key": "header", "value": {{"summary": {}, "description": {})",
                  json_quote(header.summary), json_quote(header.description));
  if (!header.parent_commit.empty()) {
    line += fmt::format(R"(, "parentCommit": {})", json_quote(header.parent_commit));
  }
  return line + "}}\n";
}

constexpr std::string_view file_begin = R"({"key": "file", "value": {"content": ")";

std::string file_end(const CommitOperation& operation) {
  return fmt::format(R"(", "path": {}, "encoding": "base64"}}}})", json_quote(operation.path)) +
         "\n";
}

std::string_view key_of(CommitVerb verb) {
  switch (verb) {
    case CommitVerb::file:
      return "file";
    case CommitVerb::lfs_file:
      return "lfsFile";
    case CommitVerb::deleted_file:
      return "deletedFile";
    case CommitVerb::deleted_folder:
      return "deletedFolder";
  }
  return {};
}

// The whole line of an operation that carries no content.
std::string plain_line(const CommitOperation& operation) {
  std::string value = fmt::format(R"("path": {})", json_quote(operation.path));
  if (operation.verb == CommitVerb::lfs_file) {
    value += fmt::format(R"(, "algo": "sha256", "oid": {}, "size": {})", json_quote(operation.oid),
                         operation.size);
  }
  return fmt::format(R"({{"key": "{}", "value": {{{}}}}})", key_of(operation.verb), value) + "\n";
}

}  // namespace

std::string json_quote(std::string_view text) {
  std::string quoted = "\"";
  quoted.reserve(text.size() + 2);
  for (char c : text) {
    switch (c) {
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\t':
        quoted += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          quoted += c;
        }
    }
  }
  quoted += '"';
  return quoted;
}

std::uint64_t commit_body_size(const CommitHeader& header,
                               std::span<const CommitOperation> operations) {
  std::uint64_t size = header_line(header).size();
  for (const CommitOperation& operation : operations) {
    if (operation.verb == CommitVerb::file) {
      size += file_begin.size() + base64_size(operation.size) + file_end(operation).size();
    } else {
      size += plain_line(operation).size();
    }
  }
  return size;
}

CommitBody::CommitBody(CommitHeader header, std::vector<CommitOperation> operations)
    : header_(std::move(header)),
      operations_(std::move(operations)),
      size_(commit_body_size(header_, operations_)) {}

void CommitBody::rewind() {
  step_ = Step::text;
  header_taken_ = false;
  inside_ = false;
  operation_ = 0;
  offset_ = 0;
  encoder_.reset();
}

std::string CommitBody::take_text() {
  CHECK(step_ == Step::text);
  std::string text;
  if (!header_taken_) text = header_line(header_);
  header_taken_ = true;
  while (operation_ < operations_.size() && text.size() < text_piece_bytes) {
    const CommitOperation& operation = operations_[operation_];
    if (operation.verb != CommitVerb::file) {
      text += plain_line(operation);
      ++operation_;
      continue;
    }
    if (!inside_) {
      text += file_begin;
      inside_ = true;
    }
    if (offset_ < operation.size) {
      step_ = Step::content;
      return text;
    }
    text += file_end(operation);
    inside_ = false;
    offset_ = 0;
    ++operation_;
  }
  if (operation_ == operations_.size()) step_ = Step::done;
  return text;
}

Status CommitBody::feed(std::span<const std::byte> bytes, std::string& out) {
  CHECK(step_ == Step::content);
  if (bytes.empty() || bytes.size() > left()) {
    return fail(make_error(ErrorClass::changed, "source_changed",
                           fmt::format("the file is {} than it was when it was first read",
                                       bytes.empty() ? "shorter" : "longer"))
                    .at("commit")
                    .on_path(operations_[operation_].path)
                    .hinting("run it again when nothing writes to the file"));
  }
  encoder_.update(bytes, out);
  offset_ += bytes.size();
  if (left() == 0) {
    encoder_.finish(out);
    step_ = Step::text;
  }
  return {};
}

}  // namespace headrace
