#include "engine/source.h"

#include <cerrno>

#include <fmt/format.h>

#include "io/worker.h"

namespace headrace {
namespace {

Error file_error(std::string_view code, std::string_view what, int result,
                 const std::string& path) {
  if (result == -ECANCELED) {
    return make_error(ErrorClass::cancelled, "cancelled", "told to stop").at("read").on_path(path);
  }
  Error error = system_error(code, what, -result);
  if (result == -EACCES) error.hint = "check the permissions of the file";
  if (result == -EMFILE || result == -ENFILE) {
    error.hint =
        "raise the limit on open files (`ulimit -n`) or use fewer connections (--connections)";
  }
  return std::move(error).at("read").on_path(path);
}

class FileReader final : public Reader {
 public:
  FileReader(const std::string& path, int file, const FileIdentity& identity)
      : path_(path), file_(file), identity_(identity) {}
  ~FileReader() override { CHECK(file_ < 0); }

  const FileIdentity& identity() const override { return identity_; }

  Task<Result<std::size_t>> read(Scope& scope, std::uint64_t offset,
                                 std::span<std::byte> into) override {
    std::size_t wanted = into.size();
    while (!into.empty()) {
      int got = co_await scope.worker().read(scope, file_, into, offset);
      if (got < 0) co_return fail(file_error("read_failed", "the file can't be read", got, path_));
      if (got == 0) {
        Error error = make_error(ErrorClass::changed, "source_ended_early",
                                 fmt::format("the file ended at byte {}, before its size of {}",
                                             offset, identity_.size));
        co_return fail(std::move(error).at("read").on_path(path_).hinting(
            "let whoever writes the file finish, then run the same command again"));
      }
      offset += static_cast<std::uint64_t>(got);
      into = into.subspan(static_cast<std::size_t>(got));
    }
    co_return wanted;
  }

  Task<Status> verify(Scope& scope) override {
    FileStatus now;
    int looked = co_await scope.worker().stat(scope, file_, now);
    if (looked < 0)
      co_return fail(file_error("read_failed", "the file can't be looked at", looked, path_));
    if (now.identity != identity_) co_return fail(source_changed(path_, "while it was read"));
    co_return Status();
  }

  Task<void> close(Scope& scope) override {
    co_await scope.worker().close(scope, std::exchange(file_, -1));
  }

 private:
  const std::string& path_;
  int file_;
  FileIdentity identity_;
};

}  // namespace

Error source_changed(const std::string& name, std::string_view how) {
  Error error =
      make_error(ErrorClass::changed, "source_changed", fmt::format("the file changed {}", how));
  return std::move(error).at("read").on_path(name).hinting(
      "let whoever writes the file finish, then run the same command again: what was sent is not "
      "sent again");
}

Task<Result<std::unique_ptr<Reader>>> FileSource::open(Scope& scope) const {
  Worker& worker = scope.worker();
  int file = co_await worker.open(scope, path_.c_str());
  if (file < 0) co_return fail(file_error("open_failed", "the file can't be opened", file, path_));
  FileStatus status;
  int looked = co_await worker.stat(scope, file, status);
  if (looked < 0 || !status.regular) {
    co_await worker.close(scope, file);
    if (looked < 0)
      co_return fail(file_error("open_failed", "the file can't be looked at", looked, path_));
    Error error = make_error(ErrorClass::fail, "not_a_file", "only regular files can be uploaded");
    co_return fail(std::move(error).at("read").on_path(path_));
  }
  co_return std::make_unique<FileReader>(path_, file, status.identity);
}

}  // namespace headrace
