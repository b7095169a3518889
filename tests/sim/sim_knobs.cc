#include "tests/sim/sim_knobs.h"

#include <array>

namespace headrace {
namespace {

double one_of(Prng& prng, std::initializer_list<double> values) {
  return values.begin()[prng.below(values.size())];
}

}  // namespace

SimKnobs SimKnobs::without_faults() const {
  SimKnobs knobs = *this;
  knobs.read_error = knobs.open_error = 0;
  knobs.connect_refused = knobs.connect_lost = 0;
  knobs.reset = knobs.stall = 0;
  return knobs;
}

SimKnobs SimKnobs::calm(Prng& prng) {
  SimKnobs knobs;
  constexpr std::array<Duration, 3> delays = {2us, 200us, 30ms};
  constexpr std::array<std::size_t, 4> windows = {1, 4 * 1024, 64 * 1024, 1024 * 1024};
  knobs.delay_max = delays[prng.below(delays.size())];
  knobs.job_delay_max = delays[prng.below(delays.size())] * 4;
  knobs.window_bytes = windows[1 + prng.below(windows.size() - 1)];
  knobs.short_read = one_of(prng, {0, 0.1, 0.5});
  knobs.short_receive = one_of(prng, {0, 0.1, 0.5});
  knobs.split_send = one_of(prng, {0, 0.1, 0.5});
  knobs.done_early = one_of(prng, {0, 0.2, 0.9});
  knobs.release_late = one_of(prng, {0, 0.2, 0.9});
  knobs.release_max = one_of(prng, {0, 1}) > 0 ? Duration(20ms) : Duration(2s);
  knobs.slow = one_of(prng, {0, 0, 0.02});
  knobs.worker_pause = one_of(prng, {0, 0, 0.01});
  return knobs;
}

SimKnobs SimKnobs::swarm(Prng& prng) {
  SimKnobs knobs = calm(prng);
  knobs.read_error = one_of(prng, {0, 0, 0, 0, 0, 0.002});
  knobs.open_error = one_of(prng, {0, 0, 0, 0, 0, 0.01});
  knobs.connect_refused = one_of(prng, {0, 0, 0, 0.05, 0.3});
  knobs.connect_lost = one_of(prng, {0, 0, 0, 0.05});
  knobs.reset = one_of(prng, {0, 0, 0, 0.002, 0.02});
  knobs.stall = one_of(prng, {0, 0, 0, 0.0005, 0.005});
  return knobs;
}

}  // namespace headrace
