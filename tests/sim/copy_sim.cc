#include "tests/sim/copy_sim.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tests/sim/sim_store.h"

namespace headrace {
namespace {

constexpr std::size_t least_part = 5 << 20;

class CopySeed final : public SeedRun {
 public:
  explicit CopySeed(std::uint64_t seed);
  ~CopySeed() override {
    if (broken()) (void)store_.release();
  }

 private:
  void draw_folder();
  CopyRequest request() const;
  void judge_objects();
  void judge_left();

  Result<UploadResult> perform() override { return SeedRun::perform(resolver_, request()); }
  void plan_change() override;
  void judge_first(const Result<UploadResult>& result) override;
  void judge_second(const Result<UploadResult>& result) override;
  void end_faults(Prng& quiet) override { store_->set_knobs(SimStoreKnobs::calm(quiet)); }
  void stop_other_side() override { store_->stop(); }
  bool other_side_stopped() const override { return store_->stopped(); }
  std::string described() const override { return skips_ ? ", skips what is there" : ""; }
  std::string counted() const override {
    return fmt::format("{} faults of the store, {} uploads left", store_->faults(),
                       store_->left().size());
  }

  const bool skips_;
  std::unique_ptr<SimStore> store_;
  SystemResolver resolver_;            // which is asked for a number alone
  std::vector<std::string> warnings_;  // of both copies
};

CopySeed::CopySeed(std::uint64_t seed) : SeedRun(seed, 0.2), skips_(prng_.chance(0.3)) {
  SimKnobs knobs = calm_ ? SimKnobs::calm(prng_) : SimKnobs::swarm(prng_);
  SimStoreKnobs faults = calm_ ? SimStoreKnobs::calm(prng_) : SimStoreKnobs::swarm(prng_);
  make_world(knobs);
  store_ = std::make_unique<SimStore>(*world_, workers(), faults);
  make_memory();
  draw_folder();
}

// Two of three seeds have an object in parts, whose least size makes it expensive.
void CopySeed::draw_folder() {
  constexpr std::array<std::size_t, 7> sizes = {0, 1, 5'000, 262'144, 524'288, 524'289, 1'700'000};
  constexpr std::array<std::size_t, 3> large = {least_part + 1, 2 * least_part,
                                                2 * least_part + 99};
  std::size_t count = prng_.between(1, 6);
  for (std::size_t i = 0; i < count; ++i) {
    folder_->write(fmt::format("{}file{}.bin", i % 3 == 2 ? "sub/" : "", i),
                   drawn_bytes(sizes[prng_.below(sizes.size())]));
  }
  if (prng_.chance(0.66)) {
    folder_->write("large file", drawn_bytes(large[prng_.below(large.size())]));
  }
}

CopyRequest CopySeed::request() const {
  CopyRequest request;
  request.account.settings.region = "us-east-1";
  request.account.settings.endpoint_url = store_->endpoint();
  request.account.credentials =
      S3Credentials{.access_key_id = "AKID", .secret_access_key = "of the simulation"};
  request.sources = {folder_->path()};
  request.bucket = "simulated";
  request.part_size = least_part;
  request.keep_going = keeps_;
  request.skip_same = skips_;
  return request;
}

void CopySeed::plan_change() {
  std::string name = folder_->now().begin()->first;
  std::size_t size = folder_->now().begin()->second.size() + (prng_.chance(0.5) ? 0 : 10);
  world_->after(Duration(prng_.below(2'000'000'000)), [this, name, size] {
    if (!first_over_) folder_->write(name, drawn_bytes(size));
  });
}

void CopySeed::judge_first(const Result<UploadResult>& result) {
  if (result) {
    for (const auto& [path, versions] : folder_->versions()) {
      bool left_out = std::ranges::any_of(
          result->failures, [&](const Error& error) { return error.path.ends_with(path); });
      if (!left_out && !store_->objects().contains(path)) {
        problem(fmt::format("the copy worked and {} is not in the store", path));
      }
    }
  }
  judge_error(result);
  // Aborting may take 600 ms more than a stop elsewhere.
  judge_stop(1600ms);
  judge_objects();
  judge_left();
}

// An object is whole or not there, whatever became of the copy.
void CopySeed::judge_objects() {
  for (const auto& [key, bytes] : store_->objects()) {
    auto versions = folder_->versions().find(key);
    if (versions == folder_->versions().end()) {
      problem(fmt::format("{} is in the store and never was in the folder", key));
    } else if (!versions->second.contains(bytes)) {
      problem(fmt::format("the store holds bytes of {} that the file never had", key));
    }
  }
}

void CopySeed::judge_left() {
  for (const Event& event : events()) {
    const Note* note = std::get_if<Note>(&event);
    if (note && note->level == NoteLevel::warning) warnings_.push_back(note->text);
  }
  for (const std::string& key : store_->left()) {
    bool told = std::ranges::any_of(warnings_, [&](const std::string& text) {
      return text.contains("s3 abort") && text.contains(key);
    });
    if (!told) problem(fmt::format("an upload of {} is left, and nobody was told", key));
  }
}

void CopySeed::judge_second(const Result<UploadResult>& result) {
  if (!judge_success(result)) return;
  for (const auto& [path, bytes] : folder_->now()) {
    auto found = store_->objects().find(path);
    if (found == store_->objects().end() || found->second != bytes) {
      problem(fmt::format("after the second copy {} is not what the folder holds", path));
    }
  }
  judge_objects();
  judge_left();
}

}  // namespace

SeedReport run_copy_seed(std::uint64_t seed) { return CopySeed(seed).run(); }

}  // namespace headrace
