#include "io/digest/batch.h"

#include <algorithm>
#include <array>
#include <vector>

namespace headrace {
namespace {

// How long the chosen streams run before it is asked again who has the most left: 16 KiB each.
// Shorter ones cost more choosing, longer ones leave more for the end, when lanes stand empty.
constexpr std::size_t stretch_blocks = 256;
constexpr std::size_t inputs_on_stack = 64;

void advance(LaneInput& input, std::size_t blocks) {
  input.data += blocks * digest_block_bytes;
  input.blocks -= blocks;
}

// `chosen` streams in the lanes of `kernel`; lanes without one repeat the first over a state that
// nobody reads.
void run_kernel(const Kernel& kernel, std::span<LaneInput* const> chosen, std::size_t blocks) {
  std::array<std::uint32_t, 8> unread{};
  std::array<std::uint32_t*, kernel_lanes_max> states;
  std::array<const std::byte*, kernel_lanes_max> data;
  states.fill(unread.data());
  data.fill(chosen[0]->data);
  for (std::size_t lane = 0; lane < chosen.size(); ++lane) {
    states[lane] = chosen[lane]->state;
    data[lane] = chosen[lane]->data;
  }
  kernel.run(states.data(), data.data(), blocks);
  for (LaneInput* input : chosen) advance(*input, blocks);
}

bool longer(const LaneInput* a, const LaneInput* b) { return a->blocks > b->blocks; }

// The first of `inputs` is in; who shares its data comes second.
bool bring_same_data(std::span<LaneInput*> inputs) {
  for (LaneInput*& other : inputs.subspan(1)) {
    if (other->data != inputs[0]->data || other->blocks == 0) continue;
    std::swap(inputs[1], other);
    return true;
  }
  return false;
}

void run_same(Compress same, std::span<LaneInput*> pair) {
  std::size_t blocks = std::min({pair[0]->blocks, pair[1]->blocks, stretch_blocks});
  std::array<std::uint32_t*, 2> states = {pair[0]->state, pair[1]->state};
  std::array<const std::byte*, 1> data = {pair[0]->data};
  same(states.data(), data.data(), blocks);
  for (LaneInput* input : pair) advance(*input, blocks);
}

// One stretch of the streams that have the most left. `inputs` all have some.
void run_stretch(const KernelSet& set, std::span<LaneInput*> inputs) {
  bool many = inputs.size() > set.few.lanes && inputs.size() >= many_from(set);
  const Kernel& kernel = many ? set.many : inputs.size() >= set.few.lanes ? set.few : set.one;
  std::size_t taken = std::min(kernel.lanes, inputs.size());
  std::partial_sort(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(taken),
                    inputs.end(), longer);
  if (!many && set.same && inputs.size() > 1 && bring_same_data(inputs)) {
    return run_same(set.same, inputs.first(2));
  }
  std::size_t blocks = inputs[taken - 1]->blocks;
  if (inputs.size() > taken) blocks = std::min(blocks, stretch_blocks);
  run_kernel(kernel, inputs.first(taken), blocks);
}

}  // namespace

void run_lanes(const KernelSet& set, std::span<LaneInput> inputs) {
  std::array<LaneInput*, inputs_on_stack> on_stack;
  std::vector<LaneInput*> on_heap;
  std::span<LaneInput*> active(on_stack);
  if (inputs.size() > inputs_on_stack) {
    on_heap.resize(inputs.size());
    active = on_heap;
  }
  active = active.first(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) active[i] = &inputs[i];
  auto has_some = [](const LaneInput* input) { return input->blocks > 0; };
  while (true) {
    auto end = std::partition(active.begin(), active.end(), has_some);
    active = active.first(static_cast<std::size_t>(end - active.begin()));
    if (active.empty()) return;
    run_stretch(set, active);
  }
}

}  // namespace headrace
