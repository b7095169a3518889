#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/format.h>

#include "tools/headrace/output.h"
#include "tools/headrace/sizes.h"

namespace headrace {
namespace {

// A bar is redrawn ten times a second; where there is no terminal a line comes every 5 s, which
// keeps a log of an hour below a thousand lines.
constexpr std::int64_t bar_period_ms = 100;
constexpr std::int64_t line_period_ms = 5000;

std::string_view reason_text(SkipReason reason) {
  switch (reason) {
    case SkipReason::unchanged:
      return "unchanged";
    case SkipReason::ignored_by_server:
      return "ignored by .gitignore";
    case SkipReason::failed:
      return "failed";
    case SkipReason::not_a_file:
      return "not a file";
  }
  return "skipped";
}

// Names may hold anything; a terminal must not be steered by them.
std::string plain(std::string_view text) {
  std::string shown;
  for (char c : redact_text(text)) shown += c == '\n' || c == '\t' ? ' ' : c;
  return shown;
}

// As ISO 8601 has it.
std::string when_text(std::int64_t unix_s) {
  if (unix_s == 0) return "-";
  const std::time_t time = unix_s;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  return std::string(text.data(), std::strftime(text.data(), text.size(), "%FT%TZ", &parts));
}

// What a run cost. A GiB is no measure of a few kilobytes: those say what they cost in all.
std::string summary(const UploadTotals& totals) {
  constexpr std::uint64_t measurable_bytes = 1 << 20;
  const double gib = static_cast<double>(totals.bytes) / (1 << 30);
  const std::string cpu = totals.bytes < measurable_bytes
                              ? fmt::format("{:.2f} CPU-s", totals.cpu_seconds)
                              : fmt::format("{:.2f} CPU-s per GiB", totals.cpu_seconds / gib);
  return fmt::format("{}, {} in {}, {:.3f} GiB/s, {}, peak {}, {} {}",
                     count_text(totals.files, "file"), size_text(static_cast<double>(totals.bytes)),
                     duration_text(totals.seconds), totals.seconds > 0 ? gib / totals.seconds : 0,
                     cpu, size_text(static_cast<double>(totals.memory_peak_bytes)), totals.retries,
                     totals.retries == 1 ? "retry" : "retries");
}

class HumanOutput final : public Output {
 public:
  HumanOutput(const OutputOptions& options, Streams streams)
      : options_(options),
        streams_(std::move(streams)),
        quiet_(options.format == OutputFormat::quiet) {}

  void event(const Event& event, std::int64_t now_ms) override {
    if (start_ms_ < 0) start_ms_ = last_line_ms_ = now_ms;
    std::visit([this](const auto& each) { on(each); }, event);
    tick(now_ms);
  }
  void tick(std::int64_t now_ms) override;
  void uploaded(const UploadResult& result, bool dry_run) override;
  void failed(const Error& error, int exit_code) override;
  void done(const std::string& line,
            const std::vector<std::pair<std::string, std::string>>& fields) override;
  void finding(const Finding& finding) override;
  void unfinished(const std::string& address, const UnfinishedUpload& upload) override;
  void note(NoteLevel level, std::string_view text) override;

 private:
  void on(const ScanFinished& scan);
  void on(const FileHashed&) {}
  void on(const Progress& progress) {
    progress_ = progress;
    has_progress_ = true;
  }
  void on(const PartRetried& retry);
  void on(const PartLate& late);
  void on(const ConnectionsChanged& change);
  void on(const FileSkipped& skip);
  void on(const CommitLanded& landed);
  void on(const Note& each) { note(each.level, each.text); }
  void on(const Planned& plan);

  // A line on standard error, with the bar out of the way.
  void say(std::string_view text);
  void clear_bar();
  std::string progress_text(std::int64_t now_ms) const;
  std::string bar(std::int64_t now_ms) const;
  std::string colored(std::string_view code, std::string_view text) const {
    if (!options_.color) return std::string(text);
    return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
  }

  const OutputOptions options_;
  const Streams streams_;
  const bool quiet_;
  Progress progress_;
  bool has_progress_ = false;
  bool bar_drawn_ = false;
  std::int64_t start_ms_ = -1;
  std::int64_t last_bar_ms_ = 0;
  std::int64_t last_line_ms_ = 0;
};

void HumanOutput::say(std::string_view text) {
  clear_bar();
  streams_.err(fmt::format("{}\n", text));
}

void HumanOutput::clear_bar() {
  if (bar_drawn_) streams_.err("\r\x1b[K");
  bar_drawn_ = false;
}

void HumanOutput::tick(std::int64_t now_ms) {
  if (quiet_ || !has_progress_) return;
  if (options_.bars) {
    if (now_ms - last_bar_ms_ < bar_period_ms) return;
    last_bar_ms_ = now_ms;
    streams_.err("\r\x1b[K" + bar(now_ms));
    bar_drawn_ = true;
  } else if (now_ms - last_line_ms_ >= line_period_ms) {
    last_line_ms_ = now_ms;
    say(progress_text(now_ms));
  }
}

std::string HumanOutput::progress_text(std::int64_t now_ms) const {
  const double seconds = std::max<double>(0.001, static_cast<double>(now_ms - start_ms_) / 1000);
  return fmt::format("{}/{} files, {} of {} hashed, {} of {} sent, {}/s", progress_.files_done,
                     progress_.files_total, size_text(static_cast<double>(progress_.bytes_hashed)),
                     size_text(static_cast<double>(progress_.bytes_total)),
                     size_text(static_cast<double>(progress_.bytes_sent)),
                     size_text(static_cast<double>(progress_.bytes_to_send)),
                     size_text(static_cast<double>(progress_.bytes_sent) / seconds));
}

std::string HumanOutput::bar(std::int64_t now_ms) const {
  constexpr std::size_t bar_columns = 20;
  const double all = static_cast<double>(progress_.bytes_total + progress_.bytes_to_send);
  const double now = static_cast<double>(progress_.bytes_hashed + progress_.bytes_sent);
  const double share = all > 0 ? std::min(1.0, now / all) : 0;
  const auto full = static_cast<std::size_t>(share * bar_columns);
  const std::string text =
      fmt::format("[{}{}] {:3.0f}%  {}", std::string(full, '#'),
                  std::string(bar_columns - full, '-'), share * 100, progress_text(now_ms));
  // A line that wraps could not be cleared again. The text is ASCII, a byte is a column.
  return text.substr(0, options_.columns - 1);
}

void HumanOutput::on(const ScanFinished& scan) {
  if (quiet_) return;
  std::string text = fmt::format("{}, {}", count_text(scan.files, "file"),
                                 size_text(static_cast<double>(scan.bytes)));
  if (scan.files_filtered > 0) text += fmt::format(" ({} left out)", scan.files_filtered);
  say(text);
}

void HumanOutput::on(const PartRetried& retry) {
  if (quiet_ || options_.verbosity < 1) return;
  const std::string part = retry.part == 0 ? std::string() : fmt::format(" part {}", retry.part);
  say(fmt::format("again: {}{}, try {}: {}", plain(retry.path), part, retry.attempt,
                  plain(retry.error.message)));
}

void HumanOutput::on(const PartLate& late) {
  if (quiet_ || options_.verbosity < 1) return;
  const std::string part = late.part == 0 ? std::string() : fmt::format(" part {}", late.part);
  std::string who = late.host;
  if (!late.address.empty() && late.address != who) who += fmt::format(" ({})", late.address);
  say(fmt::format("late: {}{}: {} took {} in {}; sent a second time beside it", plain(late.path),
                  part, who, size_text(static_cast<double>(late.bytes)),
                  duration_text(late.seconds)));
}

void HumanOutput::on(const ConnectionsChanged& change) {
  if (quiet_ || options_.verbosity < 1) return;
  std::string rate;
  if (change.bytes_per_second > 0) {
    rate = fmt::format(" at {}/s", size_text(change.bytes_per_second));
  }
  say(fmt::format("connections: {} to {}{}: {}", change.from, change.to, rate, change.reason));
}

void HumanOutput::on(const FileSkipped& skip) {
  const bool failed = skip.reason == SkipReason::failed;
  if (quiet_ && !failed) return;
  if (!failed && options_.verbosity < 1) return;
  std::string text = fmt::format("{}: {}", plain(skip.path), reason_text(skip.reason));
  if (!skip.detail.empty()) text += ": " + plain(skip.detail);
  say(failed ? colored("31", text) : text);
}

void HumanOutput::on(const CommitLanded& landed) {
  if (quiet_ || (landed.count <= 1 && options_.verbosity < 1)) return;
  say(fmt::format("commit {} of {}: {}", landed.number, landed.count, landed.commit.url));
}

void HumanOutput::on(const Planned& plan) {
  if (quiet_) return;
  std::string text =
      fmt::format("would send at most {}, {} in {}, with about {}", count_text(plan.files, "file"),
                  size_text(static_cast<double>(plan.bytes)), count_text(plan.parts, "part"),
                  count_text(plan.requests, "request"));
  if (plan.makes_commits) text += " and " + count_text(plan.commits, "commit");
  say(text);
}

// The report is what was asked for, so it goes to standard output.
void HumanOutput::finding(const Finding& found) {
  const bool ok = found.verdict == Verdict::ok;
  if (quiet_ && ok) return;
  std::string line = ok                               ? colored("32", "ok   ")
                     : found.verdict == Verdict::warn ? colored("33", "warn ")
                                                      : colored("31", "fail ");
  line += fmt::format("{}: {}", plain(found.about), plain(found.text));
  if (found.error) line += fmt::format(" ({})", found.error->code);
  if (!found.advice.empty()) line += "\n     " + plain(found.advice);
  streams_.out(line + "\n");
}

void HumanOutput::unfinished(const std::string& address, const UnfinishedUpload& upload) {
  std::string stored = "unknown";
  if (upload.stored) {
    stored = fmt::format("{}, {}", count_text(upload.stored->count, "part"),
                         size_text(static_cast<double>(upload.stored->bytes)));
  }
  streams_.out(fmt::format("{}  {}  {}  {}\n", when_text(upload.begun_at), stored, plain(address),
                           plain(upload.id)));
}

void HumanOutput::note(NoteLevel level, std::string_view text) {
  switch (level) {
    case NoteLevel::warning:
      say(colored("33", "warning: ") + plain(text));
      break;
    case NoteLevel::info:
      if (!quiet_) say(plain(text));
      break;
    case NoteLevel::debug:
      if (!quiet_ && options_.verbosity >= 1) say(plain(text));
      break;
  }
}

void HumanOutput::uploaded(const UploadResult& result, bool dry_run) {
  clear_bar();
  for (const Error& failure : result.failures) say(describe(failure));
  if (!quiet_ && !dry_run) {
    const UploadTotals& totals = result.totals;
    std::string text = summary(totals);
    if (totals.files_unchanged > 0) text += fmt::format(", {} unchanged", totals.files_unchanged);
    if (totals.files_ignored > 0) text += fmt::format(", {} ignored", totals.files_ignored);
    if (totals.files_failed > 0) text += fmt::format(", {} failed", totals.files_failed);
    if (!result.pull_request_url.empty()) text += ", " + result.pull_request_url;
    if (!result.commit_url.empty()) text += ", " + result.commit_url;
    say(text);
  }
  if (!dry_run) streams_.out(result.url + "\n");
}

void HumanOutput::failed(const Error& error, int) {
  std::string text = describe(error);
  if (options_.color && text.starts_with("error:")) text = colored("31", "error:") + text.substr(6);
  say(text);
}

void HumanOutput::done(const std::string& line,
                       const std::vector<std::pair<std::string, std::string>>&) {
  clear_bar();
  streams_.out(line + "\n");
}

}  // namespace

std::unique_ptr<Output> make_human_output(const OutputOptions& options, Streams streams) {
  return std::make_unique<HumanOutput>(options, std::move(streams));
}

}  // namespace headrace
