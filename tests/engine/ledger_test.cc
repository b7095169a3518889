#include "engine/ledger.h"

#include <doctest/doctest.h>

#include "engine/scheduler.h"
#include "io/digest/sha256.h"
#include "tests/support/target.h"

namespace headrace {
namespace {

using Tags = std::vector<std::optional<std::string>>;

// What a journal would be: it outlives the run that filled it.
struct Kept {
  std::map<std::string, std::pair<FileIdentity, DigestValue>> files;
  MemoryLedger parts;
};
class KeptLedger final : public Ledger {
 public:
  explicit KeptLedger(Kept& kept) : kept_(kept) {}
  std::optional<DigestValue> digest_of(const KnownFile& file) const override {
    auto found = kept_.files.find(file.name);
    bool same = found != kept_.files.end() && found->second.first == file.identity &&
                found->second.second.size == file.digest_size;
    return same ? std::optional(found->second.second) : std::nullopt;
  }
  Tags tags_of(const KnownUpload& upload) const override { return kept_.parts.tags_of(upload); }
  void hashed(const KnownFile& file, const DigestValue& digest) override {
    kept_.files[file.name] = {file.identity, digest};
  }
  void confirmed(const KnownUpload& upload, std::uint32_t part, std::string tag) override {
    kept_.parts.confirmed(upload, part, std::move(tag));
  }
  void parts_over(const DigestValue& oid) override { kept_.parts.parts_over(oid); }

 private:
  Kept& kept_;
};

// One file of three parts, in a run of its own.
struct Run {
  Scheduler scheduler;

  Run(Kept& kept, const FileIdentity& identity)
      : scheduler(SchedulerLimits(), std::make_unique<KeptLedger>(kept)) {
    FileRecord file;
    file.path = "f";
    file.size = 300;
    scheduler.add(std::move(file));
    auto listed = std::get<ClassifyFiles>(*scheduler.next(Lane::control, {}));
    scheduler.file_looked_at(0, identity);
    scheduler.file_classified(0, true, false, {});
    scheduler.classified(listed);
  }
  bool must_hash(const FileIdentity& identity) {
    std::optional<Work> work = scheduler.next(Lane::digest, {});
    if (!work) return false;
    scheduler.digested(std::get<DigestFile>(*work).file, sha256_of("f"), identity, {});
    return true;
  }
  void negotiate(const std::string& name) {
    auto work = std::get<NegotiateObjects>(*scheduler.next(Lane::control, {}));
    std::vector<Negotiated> answers;
    answers.push_back({.refused = false, .target = std::make_shared<EvenTarget>(300, 100, name)});
    scheduler.negotiated(work, std::move(answers));
  }
  std::optional<SendPart> send() {
    std::optional<Work> work = scheduler.next(Lane::send, {});
    return work ? std::optional(std::get<SendPart>(*work)) : std::nullopt;
  }
  FinishObject finish() { return std::get<FinishObject>(*scheduler.next(Lane::control, {})); }
};

constexpr FileIdentity as_it_was = {.device = 1, .inode = 2, .size = 300, .modified_ns = 3};

}  // namespace

TEST_CASE("tags belong to the last upload of an object, and to its number of parts") {
  MemoryLedger ledger;
  DigestValue oid = sha256_of("x");
  CHECK(ledger.tags_of({oid, "one", 2}) == Tags(2));
  ledger.confirmed({oid, "one", 2}, 1, "tag");
  CHECK(ledger.tags_of({oid, "one", 2}) == Tags{std::nullopt, "tag"});
  CHECK(ledger.tags_of({oid, "two", 2}) == Tags(2));
  CHECK(ledger.tags_of({oid, "one", 3}) == Tags(3));
  CHECK(ledger.tags_of({sha256_of("y"), "one", 2}) == Tags(2));
  ledger.confirmed({oid, "two", 2}, 0, "other");
  CHECK(ledger.tags_of({oid, "one", 2}) == Tags(2));
  ledger.parts_over(oid);
  CHECK(ledger.tags_of({oid, "two", 2}) == Tags(2));
}

TEST_CASE("a run goes on where the ledger of another ended") {
  Kept kept;
  {
    Run first(kept, as_it_was);
    CHECK(first.must_hash(as_it_was));
    first.negotiate("up");
    first.scheduler.part_confirmed(*first.send(), "a", {});
    first.scheduler.send_failed(*first.send());
  }
  Run second(kept, as_it_was);
  CHECK_FALSE(second.must_hash(as_it_was));
  second.negotiate("up");
  for (std::uint32_t part : {1, 2}) {
    std::optional<SendPart> sent = second.send();
    REQUIRE(sent);
    CHECK(sent->part == part);
    second.scheduler.part_confirmed(*sent, "b", {});
  }
  CHECK_FALSE(second.send());
  FinishObject finish = second.finish();
  CHECK(finish.etags == std::vector<std::string>{"a", "b", "b"});
  second.scheduler.object_stored(finish);
  CHECK(second.scheduler.finished());
  CHECK(kept.parts.tags_of({sha256_of("f"), "up", 3}) == Tags(3));
}

TEST_CASE("all parts known: the object is finished, and nothing is sent") {
  Kept kept;
  for (std::uint32_t part : {0, 1, 2}) kept.parts.confirmed({sha256_of("f"), "up", 3}, part, "t");
  Run run(kept, as_it_was);
  CHECK(run.must_hash(as_it_was));
  run.negotiate("up");
  CHECK_FALSE(run.send());
  FinishObject finish = run.finish();
  CHECK(finish.etags == std::vector<std::string>(3, "t"));
  // It was not true any more: all of it is sent, though the store gives the same name again.
  run.scheduler.object_anew(finish);
  run.negotiate("up");
  CHECK(run.send()->part == 0);
}

TEST_CASE("what changed is another file, and another upload has no parts") {
  Kept kept;
  {
    Run first(kept, as_it_was);
    CHECK(first.must_hash(as_it_was));
    first.negotiate("up");
    first.scheduler.part_confirmed(*first.send(), "a", {});
  }
  FileIdentity changed = as_it_was;
  changed.changed_ns = 4;
  Run second(kept, changed);
  CHECK(second.must_hash(changed));
  second.negotiate("another");
  CHECK(second.send()->part == 0);
}

}  // namespace headrace
