// The program. Everything that can be tested without a process lives beside it.
#include <algorithm>

#include <fmt/format.h>

#include "tools/headrace/verbs.h"
#include "tools/hub/command.h"

namespace headrace {
namespace {

constexpr const char* unverified_warning =
    "certificates are not checked (--insecure-skip-tls-verify): anybody on the way can read the "
    "token and change what is sent";

int show_usage(const Usage& usage, const Streams& streams) {
  if (usage.exit_code == 0) {
    streams.out(usage.text + "\n");
  } else if (usage.wants_json) {
    make_json_output(0, streams)
        ->failed(make_error(ErrorClass::fail, "bad_command_line", usage.text).at("arguments"),
                 usage.exit_code);
  } else {
    streams.err(fmt::format("error: {}\n", usage.text));
  }
  return usage.exit_code;
}

int run_verb(const UploadArguments& arguments, Run& run) { return run_upload(arguments, run); }
int run_verb(const CopyArguments& arguments, Run& run) { return run_copy(arguments, run); }
int run_verb(const StoreArguments& arguments, Run& run) { return run_store(arguments, run); }
int run_verb(const RepoArguments& arguments, Run& run) { return run_repo(arguments, run); }
int run_verb(const WhoAmIArguments& arguments, Run& run) { return run_whoami(arguments, run); }
int run_verb(const DoctorArguments& arguments, Run& run) { return run_doctor(arguments, run); }
int run_verb(const BenchArguments& arguments, Run& run) { return run_bench(arguments, run); }

template <class Verb>
void leave_hub_out(Verb& verb) {
  if constexpr (std::is_same_v<Verb, CopyArguments> || std::is_same_v<Verb, StoreArguments> ||
                std::is_same_v<Verb, BenchArguments>) {
    verb.common.settings = without_hub(std::move(verb.common.settings));
  }
}

template <class Verb>
int run_with_settings(Verb verb, Interrupts& interrupts) {
  const Environment environment = process_environment();
  leave_hub_out(verb);
  Result<Settings> settings = load_settings(verb.common.settings, environment);
  const bool no_bars = settings && settings->progress_bars_disabled;
  CommonArguments& common = verb.common;
  if (settings && settings->debug) common.verbosity = 2;
  if (settings) common.engine.tls = settings->tls;
  common.engine.verbosity = static_cast<std::uint8_t>(std::min(common.verbosity, 2));
  if (settings) common.engine.proxies = settings->proxies;
  std::unique_ptr<Output> output =
      make_output(output_options(common, no_bars, environment), process_streams());
  Run run{.environment = environment,
          .interrupts = interrupts,
          .output = *output,
          .settings = settings ? std::move(*settings) : Settings{}};
  if (!settings) return end_with(settings.error(), run);
  if (run.settings.tls.skip_verification) output->note(NoteLevel::warning, unverified_warning);
  return run_verb(verb, run);
}

int main_of(const std::vector<std::string>& arguments) {
  // The hub has its own arguments and its own end.
  if (!arguments.empty() && arguments[0] == "hub") {
    return hub::run_command({arguments.begin() + 1, arguments.end()});
  }
  Interrupts interrupts;
  const Arguments parsed = parse_arguments(arguments);
  return std::visit(
      [&interrupts](const auto& verb) {
        if constexpr (std::is_same_v<std::decay_t<decltype(verb)>, Usage>) {
          return show_usage(verb, process_streams());
        } else {
          return run_with_settings(verb, interrupts);
        }
      },
      parsed);
}

}  // namespace
}  // namespace headrace

int main(int count, char** arguments) {
  return headrace::main_of(std::vector<std::string>(arguments + 1, arguments + count));
}
