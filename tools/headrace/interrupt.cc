#include "tools/headrace/interrupt.h"

#include <csignal>

#include <sys/signalfd.h>
#include <unistd.h>

#include "io/check.h"

namespace headrace {

Interrupts::Interrupts() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR2);
  CHECK(::pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
  fd_ = ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

Interrupts::~Interrupts() {
  if (fd_ >= 0) ::close(fd_);
}

int Interrupts::take() {
  signalfd_siginfo info = {};
  const ssize_t count = ::read(fd_, &info, sizeof info);
  return count == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace headrace
