// scheduler_renewal_test.cc: parts on their way while their object is negotiated again. Each case
// is a schedule that the simulation found.
#include <doctest/doctest.h>

#include "engine/scheduler.h"
#include "io/digest/sha256.h"
#include "tests/support/target.h"

namespace headrace {
namespace {

// One large file of some parts, hashed and negotiated under the name "one".
struct OneFile {
  Scheduler scheduler;

  explicit OneFile(std::uint32_t parts) {
    FileRecord file;
    file.path = "f";
    file.size = parts * even_part_size;
    scheduler.add(std::move(file));
    auto listed = std::get<ClassifyFiles>(*scheduler.next(Lane::control, {}));
    scheduler.file_classified(0, true, false, {});
    scheduler.classified(listed);
    auto hashed = std::get<DigestFile>(*scheduler.next(Lane::digest, {}));
    scheduler.digested(hashed.file, sha256_of("f"), {}, {});
    negotiate("one");
  }
  NegotiateObjects ask() { return std::get<NegotiateObjects>(*scheduler.next(Lane::control, {})); }
  void answer(const NegotiateObjects& work, const std::string& name) {
    std::vector<Negotiated> answers;
    answers.push_back(
        {.refused = false,
         .target = std::make_shared<EvenTarget>(work.objects[0].size, even_part_size, name)});
    scheduler.negotiated(work, std::move(answers));
  }
  void negotiate(const std::string& name) { answer(ask(), name); }
  std::optional<SendPart> send() {
    std::optional<Work> work = scheduler.next(Lane::send, {});
    if (!work) return std::nullopt;
    return std::get<SendPart>(*work);
  }
  void confirm_all(const std::string& etag) {
    while (auto part = send()) scheduler.part_confirmed(*part, etag, {});
  }
  std::vector<std::string> etags() {
    return std::get<FinishObject>(*scheduler.next(Lane::control, {})).etags;
  }
};

using Etags = std::vector<std::string>;

}  // namespace

TEST_CASE("a part confirmed while its object is negotiated again stays confirmed") {
  for (bool asked : {false, true}) {
    OneFile one(3);
    auto first = one.send();
    auto second = one.send();
    one.scheduler.part_expired(*second);
    if (!asked) one.scheduler.part_confirmed(*first, "early", {});
    NegotiateObjects again = one.ask();
    if (asked) one.scheduler.part_confirmed(*first, "early", {});
    one.answer(again, "one");
    one.confirm_all("late");
    CHECK(one.etags() == Etags{"early", "late", "late"});
  }
}

TEST_CASE("a part on its way by an old URL is not sent beside itself") {
  OneFile one(3);
  auto first = one.send();
  auto second = one.send();
  one.scheduler.part_expired(*second);
  one.negotiate("one");
  one.confirm_all("new");
  CHECK_FALSE(one.scheduler.next(Lane::control, {}));  // the first part may still arrive
  SUBCASE("it arrives") { one.scheduler.part_confirmed(*first, "old", {}); }
  SUBCASE("its URL ran out as well") {
    one.scheduler.part_expired(*first);
    auto again = one.send();
    REQUIRE(again);
    CHECK(again->part == 0);
    CHECK(again->generation > first->generation);
    one.scheduler.part_confirmed(*again, "old", {});
  }
  SUBCASE("it is refused, which says nothing of the new URL") {
    CHECK_FALSE(one.scheduler.send_failed(*first));
    auto again = one.send();
    REQUIRE(again);
    one.scheduler.part_confirmed(*again, "old", {});
  }
  CHECK(one.etags() == Etags{"old", "new", "new"});
}

TEST_CASE("an object that is stored meanwhile is done, whatever is on its way") {
  OneFile one(3);
  auto first = one.send();
  auto second = one.send();
  one.scheduler.part_expired(*second);
  one.scheduler.negotiated(one.ask(), {Negotiated{}});
  CHECK(one.scheduler.file(0).state == FileRecord::State::ready);
  CHECK_FALSE(one.send());
  CHECK_FALSE(one.scheduler.finished());  // the first part is still under way
  SUBCASE("it arrives") { one.scheduler.part_confirmed(*first, "late", {}); }
  SUBCASE("it is refused") { one.scheduler.send_failed(*first); }
  CHECK(one.scheduler.finished());
  CHECK(one.scheduler.file(0).state == FileRecord::State::ready);
}

TEST_CASE("a part confirmed under another upload counts for nothing") {
  OneFile one(2);
  auto first = one.send();
  auto second = one.send();
  one.scheduler.part_expired(*second);
  one.negotiate("two");
  one.scheduler.part_confirmed(*first, "of one", {});
  one.confirm_all("of two");
  CHECK(one.etags() == Etags{"of two", "of two"});
}

TEST_CASE("a completion URL that ran out keeps the parts of the same upload") {
  OneFile one(2);
  one.confirm_all("kept");
  auto finish = std::get<FinishObject>(*one.scheduler.next(Lane::control, {}));
  SUBCASE("the same upload") {
    one.scheduler.finish_expired(finish);
    one.negotiate("one");
    CHECK_FALSE(one.send());
    CHECK(one.etags() == Etags{"kept", "kept"});
  }
  SUBCASE("another one") {
    one.scheduler.finish_expired(finish);
    one.negotiate("two");
    one.confirm_all("again");
    CHECK(one.etags() == Etags{"again", "again"});
  }
  SUBCASE("bytes that were not ours go again even to the same upload") {
    one.scheduler.object_anew(finish);
    one.negotiate("one");
    one.confirm_all("again");
    CHECK(one.etags() == Etags{"again", "again"});
  }
}

TEST_CASE("confirmed parts are no progress if each negotiation begins another upload") {
  OneFile one(2);
  for (int i = 0; i < 4; ++i) {
    CHECK_FALSE(one.scheduler.renewals_exhausted(0));
    auto first = one.send();
    auto second = one.send();
    one.scheduler.part_confirmed(*first, "e", {});
    one.scheduler.part_expired(*second);
    if (i < 3) one.negotiate("upload " + std::to_string(i));
  }
  CHECK(one.scheduler.renewals_exhausted(0));
  CHECK(one.scheduler.finished());
}

TEST_CASE("with progress that stays, URLs may run out any number of times") {
  OneFile one(10);
  for (std::uint32_t i = 0; i < 9; ++i) {
    auto first = one.send();
    auto second = one.send();
    one.scheduler.part_confirmed(*first, "e", {});
    one.scheduler.part_expired(*second);
    one.negotiate("one");
  }
  one.confirm_all("e");
  CHECK(one.etags() == Etags(10, "e"));
}

}  // namespace headrace
