#include "io/subprocess.h"

#include <array>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/check.h"

namespace headrace {
namespace {

constexpr std::size_t err_max = 4096;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void reset(int fd) {
    close();
    fd_ = fd;
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

struct Pipe {
  Descriptor read;
  Descriptor write;

  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read.reset(ends[0]);
    write.reset(ends[1]);
    return true;
  }
};

class SpawnSettings {
 public:
  SpawnSettings(const Pipe& out, const Pipe& err) {
    CHECK(posix_spawn_file_actions_init(&actions_) == 0);
    CHECK(posix_spawnattr_init(&attributes_) == 0);
    posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, out.write.get(), 1);
    posix_spawn_file_actions_adddup2(&actions_, err.write.get(), 2);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnSettings() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  int spawn(pid_t& process, const std::vector<std::string>& argv) const {
    std::vector<char*> arguments;
    for (const std::string& word : argv) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    return posix_spawnp(&process, arguments[0], &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// Appends what is there to be read; false at the end.
bool read_some(int fd, std::string& into) {
  std::array<char, 4096> block;
  ssize_t count = 0;
  do {
    count = ::read(fd, block.data(), block.size());
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return false;
  into.append(block.data(), static_cast<std::size_t>(count));
  return true;
}

bool start_timer(Descriptor& timer, Duration time) {
  timer.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  itimerspec wait{};
  wait.it_value.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  wait.it_value.tv_nsec = (time % 1s).count();
  return timer.get() >= 0 && ::timerfd_settime(timer.get(), 0, &wait, nullptr) == 0;
}

// Until it has ended and both its streams with it, or has to be ended.
Status read_output(const std::string& program, pid_t process, const ProcessLimits& limits,
                   Pipe& out, Pipe& err, ProcessOutput& output) {
  Descriptor timer;
  if (!start_timer(timer, limits.time)) return fail(system_error("program_failed", "timer", errno));
  Descriptor end(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  // Where SIGCHLD is ignored, one that has ended is gone already.
  if (end.get() < 0 && errno != ESRCH)
    return fail(system_error("program_failed", "pidfd_open", errno));
  while (out.read.get() >= 0 || err.read.get() >= 0 || end.get() >= 0) {
    std::array<pollfd, 4> waits = {{{out.read.get(), POLLIN, 0},
                                    {err.read.get(), POLLIN, 0},
                                    {end.get(), POLLIN, 0},
                                    {timer.get(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return fail(system_error("program_failed", "poll", errno));
    }
    if (waits[0].revents != 0 && !read_some(out.read.get(), output.out)) out.read.close();
    if (waits[1].revents != 0 && !read_some(err.read.get(), output.err)) err.read.close();
    if (waits[2].revents != 0) end.close();
    if (output.err.size() > err_max) output.err.erase(0, output.err.size() - err_max);
    if (output.out.size() > limits.output_max) {
      return fail(
          make_error(ErrorClass::fail, "program_output_too_large",
                     fmt::format("{} printed more than {} bytes", program, limits.output_max))
              .on_path(program));
    }
    if (waits[3].revents != 0) {
      return fail(make_error(ErrorClass::fail, "program_timeout",
                             fmt::format("{} did not end within {:.0f} s", program,
                                         seconds_of(limits.time)))
                      .on_path(program));
    }
  }
  return {};
}

}  // namespace

Result<ProcessOutput> run_process(const std::vector<std::string>& argv,
                                  const ProcessLimits& limits) {
  CHECK(!argv.empty());
  Pipe out;
  Pipe err;
  if (!out.open() || !err.open()) return fail(system_error("program_failed", "pipe", errno));
  const SpawnSettings settings(out, err);
  pid_t process = -1;
  if (const int why = settings.spawn(process, argv); why != 0) {
    return fail(system_error("program_not_found", fmt::format("cannot start {}", argv[0]), why)
                    .on_path(argv[0]));
  }
  out.write.close();
  err.write.close();
  ProcessOutput output;
  const Status status = read_output(argv[0], process, limits, out, err, output);
  if (!status) ::kill(-process, SIGKILL);
  int ended = 0;
  while (::waitpid(process, &ended, 0) < 0 && errno == EINTR) {
  }
  if (!status) return std::unexpected(status.error());
  output.exit_code = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
  return output;
}

}  // namespace headrace
