// sim_knobs.h: how rough a simulated world is: probabilities and bounds, one struct for all of it.
//
// calm() bends nothing that the seam promises: delays, short reads, split sends, completions out of
// order, done before released. swarm() draws a world by chance and, for each seed, switches most of
// the faults fully off: a fault that is rare but never absent hides what happens without it.
#pragma once

#include "io/clock.h"
#include "io/prng.h"

namespace headrace {

struct SimKnobs {
  // Time.
  Duration delay_max = 200us;  // of any operation, evenly from 0
  double slow = 0;             // an operation takes up to slow_max instead
  Duration slow_max = 2s;
  Duration job_delay_max = 5ms;  // of a blocking job
  double worker_pause = 0;       // a worker is not stepped for up to pause_max
  Duration pause_max = 1s;
  // Files.
  double short_read = 0;
  double read_error = 0;  // -EIO
  double open_error = 0;  // -EMFILE
  // Sockets.
  double short_receive = 0;
  double split_send = 0;  // a chunk moves less than it could
  std::size_t window_bytes = 64 * 1024;
  double connect_refused = 0;
  double connect_lost = 0;  // no answer, until the kernel gives up after two minutes
  double reset = 0;         // a chunk ends the connection for both sides
  double stall = 0;         // a chunk is the last one for up to stall_max
  Duration stall_max = 20min;
  // The two moments of an operation.
  double done_early = 0;  // a send is done before its bytes have moved
  double release_late = 0;
  Duration release_max = 500ms;

  // The same without what bends a promise.
  SimKnobs without_faults() const;

  static SimKnobs calm(Prng& prng);
  static SimKnobs swarm(Prng& prng);
};

}  // namespace headrace
