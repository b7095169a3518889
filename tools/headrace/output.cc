#include "tools/headrace/output.h"

#include <cerrno>

#include <sys/ioctl.h>
#include <unistd.h>

namespace headrace {
namespace {

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    // Nobody reads any more: the upload is worth more than what it says.
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

Streams process_streams() {
  return {.out = [](std::string_view text) { write_all(STDOUT_FILENO, text); },
          .err = [](std::string_view text) { write_all(STDERR_FILENO, text); }};
}

std::unique_ptr<Output> make_output(const OutputOptions& options, Streams streams) {
  if (options.format == OutputFormat::json) {
    return make_json_output(options.verbosity, std::move(streams));
  }
  return make_human_output(options, std::move(streams));
}

OutputOptions output_options(const CommonArguments& common, bool progress_bars_disabled,
                             const Environment& environment) {
  OutputOptions options{.format = common.format, .verbosity = common.verbosity};
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  const std::string no_color = environment.variable("NO_COLOR").value_or("");
  const bool dumb = environment.variable("TERM").value_or("dumb") == "dumb";
  options.bars = terminal && !dumb && !progress_bars_disabled;
  options.color = terminal && !dumb && no_color.empty();
  winsize size = {};
  if (terminal && ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) {
    options.columns = size.ws_col;
  }
  return options;
}

int exit_code_of(const Error& error) {
  if (error.stage == "arguments" || error.stage == "settings") return exit_usage;
  switch (error.kind) {
    case ErrorClass::retry:
    case ErrorClass::expired:
      return exit_retry;
    case ErrorClass::cancelled:
      return exit_interrupted;
    case ErrorClass::fail:
    case ErrorClass::changed:
    case ErrorClass::limit:
      return exit_failed;
  }
  return exit_failed;
}

}  // namespace headrace
