#include "tools/headrace/watch.h"

#include <csignal>

namespace headrace {
namespace {

constexpr std::chrono::milliseconds step(100);
// A second after Ctrl-C the prompt is back; the rest of it is for the process to end.
constexpr std::int64_t stop_patience_ms = 800;

Error interrupted(const Watched& watched) {
  return make_error(ErrorClass::cancelled, "interrupted", "the upload was stopped")
      .at("upload")
      .hinting(watched.after_stop);
}

// What the job has said of commits that are in, or may be, stays: it names their places.
Error with_own_words(Error interruption, Error own) {
  if (!own.hint.contains("://")) return interruption;
  own.hint += (own.hint.ends_with(' ') ? "" : "; ") + interruption.hint;
  if (own.code == "outcome_unknown") return own;
  interruption.hint = std::move(own.hint);
  return interruption;
}

}  // namespace

WatchEnd watch(const Watched& watched, Output& output) {
  int first_signal = 0;
  std::int64_t patience_end_ms = 0;
  while (!watched.ended()) {
    std::optional<Event> event = watched.next_event(step);
    const std::int64_t now_ms = watched.now_ms();
    if (event) output.event(*event, now_ms);
    output.tick(now_ms);
    const int signal = watched.signal();
    if (signal == SIGUSR2) {
      output.note(NoteLevel::info, watched.switch_rate_limit());
      continue;
    }
    if (signal != 0 && first_signal == 0) {
      first_signal = signal;
      patience_end_ms = now_ms + stop_patience_ms;
      output.note(NoteLevel::info, "stopping");
      watched.cancel();
    } else if (first_signal != 0 && (signal != 0 || now_ms >= patience_end_ms)) {
      return {.result = fail(interrupted(watched)), .signal = first_signal, .abandoned = true};
    }
  }
  while (std::optional<Event> event = watched.next_event(std::chrono::milliseconds(0))) {
    output.event(*event, watched.now_ms());
  }
  Result<UploadResult> result = watched.wait();
  if (!result && first_signal != 0 && result.error().kind == ErrorClass::cancelled) {
    result = fail(with_own_words(interrupted(watched), std::move(result.error())));
  }
  return {.result = std::move(result), .signal = first_signal, .abandoned = false};
}

}  // namespace headrace
