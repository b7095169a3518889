#include "engine/event_json.h"
#include "tools/headrace/output.h"

namespace headrace {
namespace {

// A job offers its progress ten times a second; a program that reads it needs no more than this.
constexpr std::int64_t progress_period_ms = 500;

class JsonOutput final : public Output {
 public:
  JsonOutput(int verbosity, Streams streams)
      : verbosity_(verbosity), streams_(std::move(streams)) {}

  void event(const Event& event, std::int64_t now_ms) override {
    if (std::holds_alternative<Progress>(event)) {
      if (now_ms < next_progress_ms_) return;
      next_progress_ms_ = now_ms + progress_period_ms;
    }
    const Note* note = std::get_if<Note>(&event);
    if (note && note->level == NoteLevel::debug && verbosity_ < 1) return;
    write(event_json(event, ++sequence_));
  }
  void tick(std::int64_t) override {}
  void uploaded(const UploadResult& result, bool dry_run) override {
    write(result_json(result, dry_run, ++sequence_));
  }
  void failed(const Error& error, int exit_code) override {
    write(error_json(error, exit_code, ++sequence_));
  }
  void done(const std::string&,
            const std::vector<std::pair<std::string, std::string>>& fields) override {
    write(result_json(fields, ++sequence_));
  }
  void finding(const Finding& finding) override { write(finding_json(finding, ++sequence_)); }
  void unfinished(const std::string& address, const UnfinishedUpload& upload) override {
    write(unfinished_json(address, upload, ++sequence_));
  }
  void note(NoteLevel level, std::string_view text) override {
    event(Note{level, std::string(text)}, 0);
  }

 private:
  void write(const std::string& line) { streams_.out(line + "\n"); }

  const int verbosity_;
  const Streams streams_;
  std::uint64_t sequence_ = 0;
  std::int64_t next_progress_ms_ = 0;
};

}  // namespace

std::unique_ptr<Output> make_json_output(int verbosity, Streams streams) {
  return std::make_unique<JsonOutput>(verbosity, std::move(streams));
}

}  // namespace headrace
