// interrupt.h: SIGINT, SIGTERM and SIGUSR2 as values to be asked for, so that no code runs in a
// handler.
//
// Made in main before any thread is, since threads inherit the mask. SIGPIPE is ignored: a closed
// standard output must not end an upload. Does not block.
#pragma once

namespace headrace {

class Interrupts {
 public:
  // Blocks the signals in this thread and all it starts.
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // The number of a signal that has come since the last call, 0 if none has.
  int take();

 private:
  int fd_ = -1;
};

}  // namespace headrace
