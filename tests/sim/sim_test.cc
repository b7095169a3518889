// sim_test.cc: uploads in simulated worlds, one a seed.
//
//   sim_test --seeds N --first S     N seeds from S on; the last line counts them
//   sim_test --seeds 1 --first S -v  one seed again, with a line on what it was
//   sim_test --road s3 …             copies into a store instead of uploads to a hub
//   sim_test --plant NAME …          with a planted fault: early_release, orphan_child, stale_part
//   sim_test --find NAME …           whether that fault is found, by a process of its own
// A seed that fails ends the run with exit code 1 and the command that runs it again.
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/planted.h"
#include "tests/sim/copy_sim.h"
#include "tests/sim/sim_folder.h"
#include "tests/sim/upload_sim.h"

namespace headrace {

Planted planted_fault = Planted::none;

namespace {

struct Arguments {
  std::uint64_t seeds = 100;
  std::uint64_t first = 1;
  std::string road = "hub";
  std::string plant;
  std::string find;
  bool verbose = false;
};

// Written before each seed, so that a crash can say which one it was.
char crash_note[256];
std::size_t crash_note_size = 0;

std::string replay_command(const Arguments& arguments, std::uint64_t seed) {
  std::string plant = arguments.plant.empty() ? "" : " --plant " + arguments.plant;
  std::string road = arguments.road == "hub" ? "" : " --road " + arguments.road;
  return fmt::format("build/tests/sim/sim_test --seeds 1 --first {}{}{} -v", seed, road, plant);
}

void on_crash(int signal_number) {
  [[maybe_unused]] ssize_t written = write(STDERR_FILENO, crash_note, crash_note_size);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

bool plant(std::string_view name) {
  if (name == "early_release") planted_fault = Planted::early_release;
  else if (name == "orphan_child") planted_fault = Planted::orphan_child;
  else if (name == "stale_part") planted_fault = Planted::stale_part;
  else return false;
  return true;
}

bool parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    std::string_view word = words[i];
    if (word == "-v") {
      arguments.verbose = true;
      continue;
    }
    if (i + 1 == count) return false;
    std::string_view value = words[++i];
    if (word == "--plant") arguments.plant = value;
    else if (word == "--road" && (value == "hub" || value == "s3")) arguments.road = value;
    else if (word == "--find") arguments.find = value;
    else if (word != "--seeds" && word != "--first") return false;
    else {
      std::uint64_t& number = word == "--seeds" ? arguments.seeds : arguments.first;
      auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (problem != std::errc() || end != value.data() + value.size()) return false;
    }
  }
  return true;
}

int run_seeds(const Arguments& arguments) {
  for (int number : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE}) signal(number, on_crash);
  std::uint64_t worked = 0;
  for (std::uint64_t seed = arguments.first; seed < arguments.first + arguments.seeds; ++seed) {
    std::string note = fmt::format("sim: seed {} crashed; again by\n  {}\n", seed,
                                   replay_command(arguments, seed));
    crash_note_size = std::min(note.size(), sizeof crash_note);
    std::memcpy(crash_note, note.data(), crash_note_size);
    SeedReport report = arguments.road == "s3" ? run_copy_seed(seed) : run_upload_seed(seed);
    worked += report.first_worked;
    if (arguments.verbose) {
      fmt::print("seed {}: {}\n", seed, report.summary);
      std::fflush(stdout);
    }
    if (report.problems.empty()) continue;
    fmt::print("seed {}: {}\n", seed, report.summary);
    for (const std::string& problem : report.problems) fmt::print("  {}\n", problem);
    fmt::print("again by\n  {}\n", replay_command(arguments, seed));
    std::fflush(stdout);
    clear_sim_folder(getpid());
    std::_Exit(1);  // what is broken can't be taken down in order
  }
  fmt::print("{} of {} uploads worked at once, all at the second time\n", worked, arguments.seeds);
  fmt::print("test cases: {} | {} passed | 0 failed\n", arguments.seeds, arguments.seeds);
  return 0;
}

// A planted fault may crash the process that has it, so it gets one of its own.
int find_planted(const Arguments& arguments, const char* program) {
  std::string seeds = std::to_string(arguments.seeds);
  std::string first = std::to_string(arguments.first);
  pid_t child = fork();
  if (child == 0) {
    execl(program, program, "--plant", arguments.find.c_str(), "--seeds", seeds.c_str(), "--first",
          first.c_str(), static_cast<char*>(nullptr));
    std::_Exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 2;
  clear_sim_folder(child);  // one that crashed left it
  bool usable = !WIFEXITED(status) || WEXITSTATUS(status) < 2;
  bool found = usable && !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  fmt::print("the planted fault {} was {}\n", arguments.find, found ? "found" : "NOT found");
  return found ? 0 : 1;
}

}  // namespace
}  // namespace headrace

int main(int count, char** words) {
  using namespace headrace;
  Arguments arguments;
  if (!parse(count, words, arguments) || (!arguments.plant.empty() && !plant(arguments.plant))) {
    fmt::print(stderr,
               "usage: sim_test [--seeds N] [--first S] [--road hub|s3] "
               "[--plant NAME | --find NAME] [-v]\n");
    return 2;
  }
  if (!arguments.find.empty()) return find_planted(arguments, "/proc/self/exe");
  return run_seeds(arguments);
}
