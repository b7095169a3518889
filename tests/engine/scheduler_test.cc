#include "engine/scheduler.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "io/digest/sha256.h"
#include "tests/support/target.h"

namespace headrace {
namespace {

constexpr std::uint64_t mib = 1 << 20;

// A scheduler with `count` large files of `size` bytes, each of its own content, classified.
struct Bench {
  Scheduler scheduler;
  Time now{};

  explicit Bench(SchedulerLimits limits = {}) : scheduler(limits) {}

  void add(std::size_t count, std::uint64_t size) {
    for (std::size_t i = 0; i < count; ++i) {
      FileRecord file;
      file.path = "f" + std::to_string(scheduler.files().size());
      file.size = size;
      scheduler.add(std::move(file));
    }
  }
  template <class W>
  std::optional<W> next(Lane lane) {
    std::optional<Work> work = scheduler.next(lane, now);
    if (!work) return std::nullopt;
    REQUIRE(std::holds_alternative<W>(*work));
    return std::get<W>(*work);
  }
  void classify_all(bool large) {
    while (scheduler.file(static_cast<FileIndex>(scheduler.files().size() - 1)).state ==
           FileRecord::State::added) {
      auto work = next<ClassifyFiles>(Lane::control);
      REQUIRE(work);
      for (FileIndex i = work->first; i < work->first + work->count; ++i) {
        scheduler.file_classified(i, large, false, {});
      }
      scheduler.classified(*work);
    }
  }
  // Hashes the next file as content `name`.
  FileIndex digest(const std::string& name) {
    auto work = next<DigestFile>(Lane::digest);
    REQUIRE(work);
    scheduler.digested(work->file, sha256_of(name), {}, {});
    return work->file;
  }
  void negotiate(const NegotiateObjects& work, std::uint64_t chunk, const std::string& name) {
    std::vector<Negotiated> answers;
    for (const auto& object : work.objects) {
      answers.push_back(
          {.refused = false, .target = std::make_shared<EvenTarget>(object.size, chunk, name)});
    }
    scheduler.negotiated(work, std::move(answers));
  }
};

}  // namespace

TEST_CASE("a file goes from its classification to its object's end") {
  Bench bench;
  bench.add(1, 3 * mib);
  bench.classify_all(true);
  bench.digest("a");
  auto batch = bench.next<NegotiateObjects>(Lane::control);
  REQUIRE(batch);
  bench.negotiate(*batch, mib, "up");
  for (int i = 0; i < 3; ++i) {
    auto part = bench.next<SendPart>(Lane::send);
    REQUIRE(part);
    CHECK(part->part == static_cast<std::uint32_t>(i));
    CHECK_FALSE(bench.next<FinishObject>(Lane::control));
    bench.scheduler.part_confirmed(*part, "e" + std::to_string(i), bench.now);
  }
  CHECK_FALSE(bench.next<SendPart>(Lane::send));
  auto finish = bench.next<FinishObject>(Lane::control);
  REQUIRE(finish);
  CHECK(finish->etags == std::vector<std::string>{"e0", "e1", "e2"});
  CHECK_FALSE(bench.scheduler.finished());
  bench.scheduler.object_stored(*finish);
  CHECK(bench.scheduler.finished());
  CHECK(bench.scheduler.file(0).state == FileRecord::State::ready);
}

TEST_CASE("files go to preupload in groups of at most 256") {
  Bench bench;
  bench.add(600, 5);
  std::vector<std::uint32_t> counts;
  while (auto work = bench.next<ClassifyFiles>(Lane::control)) {
    counts.push_back(work->count);
    bench.scheduler.classified(*work);
  }
  CHECK(counts == std::vector<std::uint32_t>{256, 256, 88});
}

TEST_CASE("inline files need a digest only where the repo has something to compare") {
  Bench bench;
  bench.add(3, 5);
  auto work = bench.next<ClassifyFiles>(Lane::control);
  DigestValue there = sha256_of("there");
  bench.scheduler.file_classified(0, false, false, {});
  bench.scheduler.file_classified(1, false, false, there);
  bench.scheduler.file_classified(2, false, true, {});
  bench.scheduler.classified(*work);
  CHECK(bench.scheduler.file(0).state == FileRecord::State::ready);
  CHECK(bench.scheduler.file(2).state == FileRecord::State::ignored);
  CHECK(bench.scheduler.files_closed() == 2);
  CHECK(bench.digest("there") == 1);
  CHECK(bench.scheduler.file(1).state == FileRecord::State::unchanged);
  CHECK(bench.scheduler.finished());
}

TEST_CASE("the same content is sent once, and all its files end with it") {
  Bench bench;
  bench.add(3, mib);
  bench.classify_all(true);
  for (int i = 0; i < 2; ++i) bench.digest("same");
  auto batch = bench.next<NegotiateObjects>(Lane::control);
  REQUIRE(batch);
  CHECK(batch->objects.size() == 1);
  bench.scheduler.negotiated(*batch, {Negotiated{}});  // stored already
  CHECK(bench.scheduler.file(1).state == FileRecord::State::ready);
  bench.digest("same");  // hashed after the object was done
  CHECK(bench.scheduler.file(2).state == FileRecord::State::ready);
  CHECK(bench.scheduler.finished());
}

TEST_CASE("no more is negotiated than will be sent soon") {
  SchedulerLimits limits;
  limits.objects_max = 4;
  limits.senders = 100;
  Bench bench(limits);
  bench.add(10, mib);
  bench.classify_all(true);
  for (int i = 0; i < 10; ++i) bench.digest("c" + std::to_string(i));
  auto batch = bench.next<NegotiateObjects>(Lane::control);
  REQUIRE(batch);
  CHECK(batch->objects.size() == 4);
  CHECK_FALSE(bench.next<NegotiateObjects>(Lane::control));
  bench.negotiate(*batch, mib, "");
  CHECK_FALSE(bench.next<NegotiateObjects>(Lane::control));
  auto part = bench.next<SendPart>(Lane::send);
  bench.scheduler.part_confirmed(*part, "e", bench.now);
  auto finish = bench.next<FinishObject>(Lane::control);
  REQUIRE(finish);
  bench.scheduler.object_stored(*finish);
  auto more = bench.next<NegotiateObjects>(Lane::control);
  REQUIRE(more);
  CHECK(more->objects.size() == 1);
}

TEST_CASE("a slow line holds as many bytes of URLs as it sends in two minutes") {
  SchedulerLimits limits;
  limits.senders = 1;
  limits.objects_max = 1000;
  limits.lead_time = 10s;
  Bench bench(limits);
  bench.add(200, 16 * mib);
  bench.classify_all(true);
  for (int i = 0; i < 200; ++i) bench.digest("c" + std::to_string(i));
  auto batch = bench.next<NegotiateObjects>(Lane::control);
  REQUIRE(batch);
  CHECK(batch->objects.size() == 4);  // 64 MiB, nothing measured yet
  bench.negotiate(*batch, 16 * mib, "");
  // 16 MiB in one second: up to 160 MiB may be ahead.
  auto part = bench.next<SendPart>(Lane::send);
  bench.now += 1s;
  bench.scheduler.part_confirmed(*part, "e", bench.now);
  bench.scheduler.object_stored(*bench.next<FinishObject>(Lane::control));
  auto more = bench.next<NegotiateObjects>(Lane::control);
  // Until less than two parts a sender are queued it waits.
  while (!more && bench.next<SendPart>(Lane::send))
    more = bench.next<NegotiateObjects>(Lane::control);
  REQUIRE(more);
  CHECK(more->objects.size() <= 7);
  CHECK(more->objects.size() >= 5);
}

TEST_CASE("how many URLs an object will have is foretold from the parts of others") {
  SchedulerLimits limits;
  limits.part_urls_max = 10;
  limits.senders = 100;
  Bench bench(limits);
  bench.add(6, 4 * mib);
  bench.classify_all(true);
  bench.digest("first");
  bench.negotiate(*bench.next<NegotiateObjects>(Lane::control), mib, "");
  for (int i = 1; i < 6; ++i) bench.digest("c" + std::to_string(i));
  auto batch = bench.next<NegotiateObjects>(Lane::control);
  REQUIRE(batch);
  CHECK(batch->objects.size() == 1);  // four URLs beside four; a third object would make it twelve
  CHECK_FALSE(bench.next<NegotiateObjects>(Lane::control));
}

TEST_CASE("URLs that ran out are asked for anew; confirmed parts stay if the upload is the same") {
  for (bool same : {true, false}) {
    Bench bench;
    bench.add(1, 3 * mib);
    bench.classify_all(true);
    bench.digest("a");
    bench.negotiate(*bench.next<NegotiateObjects>(Lane::control), mib, "one");
    auto first = bench.next<SendPart>(Lane::send);
    auto second = bench.next<SendPart>(Lane::send);
    bench.scheduler.part_confirmed(*first, "e0", bench.now);
    bench.scheduler.part_expired(*second);
    CHECK_FALSE(bench.next<SendPart>(Lane::send));  // the third part's URL is as old
    auto again = bench.next<NegotiateObjects>(Lane::control);
    REQUIRE(again);
    bench.negotiate(*again, mib, same ? "one" : "two");
    std::vector<std::uint32_t> parts;
    while (auto part = bench.next<SendPart>(Lane::send)) {
      parts.push_back(part->part);
      bench.scheduler.part_confirmed(*part, "new", bench.now);
    }
    CHECK(parts == (same ? std::vector<std::uint32_t>{1, 2} : std::vector<std::uint32_t>{0, 1, 2}));
    auto finish = bench.next<FinishObject>(Lane::control);
    REQUIRE(finish);
    CHECK(finish->etags[0] == (same ? "e0" : "new"));
    bench.scheduler.object_stored(*finish);
    CHECK(bench.scheduler.finished());
  }
}

TEST_CASE("an object without progress is given up after three renewals") {
  Bench bench;
  bench.add(1, mib);
  bench.classify_all(true);
  bench.digest("a");
  for (int i = 0; i < 4; ++i) {
    auto batch = bench.next<NegotiateObjects>(Lane::control);
    REQUIRE(batch);
    bench.negotiate(*batch, mib, "one");
    auto part = bench.next<SendPart>(Lane::send);
    REQUIRE(part);
    CHECK_FALSE(bench.scheduler.renewals_exhausted(part->object));
    bench.scheduler.part_expired(*part);
  }
  CHECK(bench.scheduler.renewals_exhausted(0));
  CHECK(bench.scheduler.file(0).state == FileRecord::State::failed);
  CHECK(bench.scheduler.finished());
}

TEST_CASE("a part that failed for now comes again with its tries counted") {
  Bench bench;
  bench.add(1, 2 * mib);
  bench.classify_all(true);
  bench.digest("a");
  bench.negotiate(*bench.next<NegotiateObjects>(Lane::control), mib, "one");
  auto part = bench.next<SendPart>(Lane::send);
  bench.scheduler.part_again(*part);
  part = bench.next<SendPart>(Lane::send);
  REQUIRE(part);
  CHECK(part->part == 0);
  CHECK(part->tries == 1);
}

TEST_CASE("a part that fails for good fails its object and every file of that content") {
  Bench bench;
  bench.add(2, 2 * mib);
  bench.classify_all(true);
  bench.digest("a");
  bench.digest("a");
  bench.negotiate(*bench.next<NegotiateObjects>(Lane::control), mib, "one");
  auto first = bench.next<SendPart>(Lane::send);
  auto second = bench.next<SendPart>(Lane::send);
  bench.scheduler.send_failed(*first);
  CHECK_FALSE(bench.scheduler.finished());  // the second part is still under way
  bench.scheduler.part_confirmed(*second, "e", bench.now);
  CHECK(bench.scheduler.finished());
  CHECK(bench.scheduler.file(0).state == FileRecord::State::failed);
  CHECK(bench.scheduler.file(1).state == FileRecord::State::failed);
}

TEST_CASE("an upload that the other side no longer knows is sent anew, whole") {
  Bench bench;
  bench.add(1, 2 * mib);
  bench.classify_all(true);
  bench.digest("a");
  bench.negotiate(*bench.next<NegotiateObjects>(Lane::control), mib, "one");
  while (auto part = bench.next<SendPart>(Lane::send))
    bench.scheduler.part_confirmed(*part, "e", bench.now);
  bench.scheduler.object_anew(*bench.next<FinishObject>(Lane::control));
  bench.negotiate(*bench.next<NegotiateObjects>(Lane::control), mib, "one");
  int parts = 0;
  while (auto part = bench.next<SendPart>(Lane::send)) {
    ++parts;
    bench.scheduler.part_confirmed(*part, "f", bench.now);
  }
  CHECK(parts == 2);
}

namespace {

// Where the other side knows files by their names alone.
SchedulerLimits lone_files() {
  SchedulerLimits limits;
  limits.share_content = false;
  return limits;
}

}  // namespace

TEST_CASE("files that share nothing go to negotiation unhashed, each as an object of its own") {
  Bench bench(lone_files());
  bench.add(2, 2 * mib);
  bench.classify_all(true);
  CHECK_FALSE(bench.next<DigestFile>(Lane::digest));
  auto batch = bench.next<NegotiateObjects>(Lane::control);
  REQUIRE(batch);
  REQUIRE(batch->objects.size() == 2);
  CHECK(batch->objects[0].file == 0);
  CHECK(batch->objects[1].file == 1);
  CHECK(batch->objects[0].oid.size == 0);
  bench.negotiate(*batch, mib, "up");
  // Tags of one are not taken for the other's, though both uploads have the same name here.
  while (auto part = bench.next<SendPart>(Lane::send)) {
    CHECK_FALSE(part->identity);
    CHECK(part->size == 2 * mib);
    std::string tag = std::to_string(part->file) + "." + std::to_string(part->part);
    bench.scheduler.part_confirmed(*part, tag, bench.now);
  }
  for (const char* file : {"0", "1"}) {
    auto finish = bench.next<FinishObject>(Lane::control);
    REQUIRE(finish);
    CHECK(finish->etags ==
          std::vector<std::string>{std::string(file) + ".0", std::string(file) + ".1"});
    bench.scheduler.object_stored(*finish);
  }
  CHECK(bench.scheduler.file(0).state == FileRecord::State::ready);
  CHECK(bench.scheduler.finished());
}

TEST_CASE("a file that shares nothing is hashed only to be compared, and sent if it differs") {
  Bench bench(lone_files());
  bench.add(2, mib);
  auto listed = bench.next<ClassifyFiles>(Lane::control);
  REQUIRE(listed);
  for (FileIndex file : {0u, 1u}) {
    bench.scheduler.file_classified(file, true, false, sha256_of("there"));
  }
  bench.scheduler.classified(*listed);
  CHECK_FALSE(bench.next<NegotiateObjects>(Lane::control));
  CHECK(bench.digest("there") == 0);
  CHECK(bench.scheduler.file(0).state == FileRecord::State::unchanged);
  CHECK(bench.digest("new") == 1);
  auto batch = bench.next<NegotiateObjects>(Lane::control);
  REQUIRE(batch);
  REQUIRE(batch->objects.size() == 1);
  CHECK(batch->objects[0].file == 1);
  bench.negotiate(*batch, mib, "");
  auto part = bench.next<SendPart>(Lane::send);
  REQUIRE(part);
  CHECK(part->identity);
  bench.scheduler.part_confirmed(*part, "e", bench.now);
  bench.scheduler.object_stored(*bench.next<FinishObject>(Lane::control));
  CHECK(bench.scheduler.file(1).state == FileRecord::State::ready);
  CHECK(bench.scheduler.finished());
}

TEST_CASE("an object of a file that shares nothing fails alone") {
  Bench bench(lone_files());
  bench.add(2, mib);
  bench.classify_all(true);
  auto batch = bench.next<NegotiateObjects>(Lane::control);
  REQUIRE(batch);
  std::vector<Negotiated> answers;
  answers.push_back({.refused = true, .target = nullptr});
  answers.push_back({.refused = false, .target = std::make_shared<EvenTarget>(mib, mib, "up")});
  bench.scheduler.negotiated(*batch, std::move(answers));
  CHECK(bench.scheduler.file(0).state == FileRecord::State::failed);
  auto part = bench.next<SendPart>(Lane::send);
  REQUIRE(part);
  bench.scheduler.part_confirmed(*part, "e", bench.now);
  bench.scheduler.object_stored(*bench.next<FinishObject>(Lane::control));
  CHECK(bench.scheduler.file(1).state == FileRecord::State::ready);
  CHECK(bench.scheduler.finished());
}

}  // namespace headrace
