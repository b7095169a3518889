// scheduler_hedge_test.cc: a part that is late is sent a second time, and how many are on their
// way.
#include <doctest/doctest.h>

#include "engine/scheduler.h"
#include "io/digest/sha256.h"
#include "tests/support/target.h"

namespace headrace {
namespace {

// One large file of some parts whose URLs are there.
struct Parts {
  Scheduler scheduler;
  Time now = Time() + 1s;

  explicit Parts(std::uint32_t count) {
    FileRecord file;
    file.path = "f";
    file.size = count * even_part_size;
    scheduler.add(std::move(file));
    auto listed = std::get<ClassifyFiles>(*scheduler.next(Lane::control, now));
    scheduler.file_classified(0, true, false, {});
    scheduler.classified(listed);
    auto hashed = std::get<DigestFile>(*scheduler.next(Lane::digest, now));
    scheduler.digested(hashed.file, sha256_of("f"), {}, {});
    negotiate("one");
  }
  void negotiate(const std::string& name) {
    auto work = std::get<NegotiateObjects>(*scheduler.next(Lane::control, now));
    std::vector<Negotiated> answers;
    answers.push_back(
        {.refused = false,
         .target = std::make_shared<EvenTarget>(work.objects[0].size, even_part_size, name)});
    scheduler.negotiated(work, std::move(answers));
  }
  std::optional<SendPart> send() {
    std::optional<Work> work = scheduler.next(Lane::send, now);
    if (!work) return std::nullopt;
    return std::get<SendPart>(std::move(*work));
  }
  // Two parts sent in 200 ms each, the third given to a lane and standing still.
  SendPart stand_still() {
    for (int i = 0; i < 2; ++i) {
      std::optional<SendPart> part = send();
      now += 200ms;
      scheduler.part_confirmed(*part, "tag", now);
    }
    return *send();
  }
  bool finishes() {
    std::optional<Work> work = scheduler.next(Lane::control, now);
    if (!work) return false;
    scheduler.object_stored(std::get<FinishObject>(*work));
    return scheduler.finished();
  }
};

}  // namespace

TEST_CASE("a part that takes much longer than usual is sent once more, and only once") {
  Parts parts(3);
  SendPart first = parts.stand_still();
  CHECK_FALSE(first.hedge_after);
  CHECK_FALSE(parts.send());
  // The mean of both is 200 ms, the deviation 75.
  parts.now += 499ms;
  CHECK_FALSE(parts.send());
  parts.now += 2ms;
  std::optional<SendPart> second = parts.send();
  REQUIRE(second);
  CHECK(second->part == first.part);
  CHECK(second->hedge_after == 501ms);
  parts.now += 1h;
  CHECK_FALSE(parts.send());
}

TEST_CASE("whichever is confirmed first counts, whatever becomes of the other") {
  using End = void (*)(Scheduler&, const SendPart&);
  const End ends[] = {
      [](Scheduler& scheduler, const SendPart& loser) { scheduler.part_dropped(loser); },
      [](Scheduler& scheduler, const SendPart& loser) {
        Scheduler::Confirmed lost = scheduler.part_confirmed(loser, "tag", Time() + 1h);
        CHECK_FALSE(lost.counts);
        CHECK_FALSE(lost.twin_runs);
      },
      [](Scheduler& scheduler, const SendPart& loser) {
        CHECK_FALSE(scheduler.send_failed(loser));
      },
      [](Scheduler& scheduler, const SendPart& loser) { scheduler.part_expired(loser); },
      [](Scheduler& scheduler, const SendPart& loser) {
        scheduler.part_waits(loser);
        scheduler.part_again(loser);
      },
  };
  for (End end : ends) {
    for (bool hedge_wins : {false, true}) {
      Parts parts(3);
      SendPart first = parts.stand_still();
      parts.now += 1s;
      SendPart second = *parts.send();
      Scheduler::Confirmed won =
          parts.scheduler.part_confirmed(hedge_wins ? second : first, "tag", parts.now);
      CHECK(won.counts);
      CHECK(won.twin_runs);
      end(parts.scheduler, hedge_wins ? first : second);
      CHECK_FALSE(parts.send());
      CHECK(parts.scheduler.sends_running() == 0);
      CHECK(parts.finishes());
    }
  }
}

TEST_CASE("if one of the two fails the other goes on alone; if both do the part is sent again") {
  Parts parts(3);
  SendPart first = parts.stand_still();
  parts.now += 1s;
  SendPart second = *parts.send();
  parts.scheduler.part_waits(first);
  parts.scheduler.part_again(first);
  CHECK_FALSE(parts.send());
  parts.scheduler.part_waits(second);
  parts.scheduler.part_again(second);
  std::optional<SendPart> third = parts.send();
  REQUIRE(third);
  CHECK(third->tries == 2);
  CHECK(parts.scheduler.part_confirmed(*third, "tag", parts.now).counts);
  CHECK(parts.finishes());
}

TEST_CASE("a twin whose URL ran out leaves it to the other") {
  for (bool other_wins : {true, false}) {
    Parts parts(3);
    SendPart first = parts.stand_still();
    parts.now += 1s;
    SendPart second = *parts.send();
    parts.scheduler.part_expired(second);
    CHECK_FALSE(parts.scheduler.next(Lane::control, parts.now));
    if (other_wins) {
      CHECK(parts.scheduler.part_confirmed(first, "tag", parts.now).counts);
    } else {
      parts.scheduler.part_expired(first);
      parts.negotiate("one");
      CHECK(parts.scheduler.part_confirmed(*parts.send(), "tag", parts.now).counts);
    }
    CHECK(parts.finishes());
  }
}

TEST_CASE("nothing is sent twice while there is something else to send") {
  Parts parts(4);
  SendPart first = parts.stand_still();
  parts.now += 1h;
  std::optional<SendPart> other = parts.send();
  REQUIRE(other);
  CHECK(other->part != first.part);
}

TEST_CASE("no more parts are on their way than permitted, and one that waits needs no permit") {
  Parts parts(6);
  parts.scheduler.permit_sends(2);
  SendPart first = *parts.send();
  SendPart second = *parts.send();
  CHECK(parts.scheduler.sends_running() == 2);
  CHECK(parts.scheduler.sends_wait());
  CHECK_FALSE(parts.send());
  parts.scheduler.part_waits(first);
  std::optional<SendPart> third = parts.send();
  REQUIRE(third);
  CHECK_FALSE(parts.send());
  parts.scheduler.permit_sends(1);
  parts.scheduler.part_confirmed(second, "tag", parts.now);
  CHECK_FALSE(parts.send());
  parts.scheduler.part_confirmed(*third, "tag", parts.now);
  CHECK(parts.send());
}

}  // namespace headrace
