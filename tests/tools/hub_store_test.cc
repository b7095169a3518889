// The stores themselves: the same ids from both, and what the disk holds after anything.
#include <fstream>
#include <set>

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tools/hub_fixture.h"
#include "tools/hub/store.h"

namespace {
// How many more syncs, renames and links this process may do before it is killed; below zero there
// is no limit.
long steps_left = -1;

void step() {
  if (steps_left < 0) return;
  if (steps_left-- == 0) ::kill(::getpid(), SIGKILL);
}
}  // namespace

// Stand before those of libc, also for libgit2. The step that kills is not done. Nothing is really
// synced: what a process has written outlives it without that, and the disk would set the pace.
extern "C" int fsync(int) {
  step();
  return 0;
}
extern "C" int rename(const char* from, const char* to) noexcept {
  step();
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
extern "C" int link(const char* from, const char* to) noexcept {
  step();
  return static_cast<int>(::syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}

namespace headrace::hub {
namespace {

struct Ran {
  int status = 0;
  std::string output;
};

Ran run(const std::string& command) {
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  Ran ran;
  char piece[4096];
  while (std::size_t count = std::fread(piece, 1, sizeof piece, pipe)) {
    ran.output.append(piece, count);
  }
  ran.status = ::pclose(pipe);
  return ran;
}

std::string read_whole(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::unique_ptr<Store> disk_store(const std::filesystem::path& root) {
  auto disk = open_disk_store(root);
  REQUIRE_MESSAGE(disk, disk.error().message);
  return std::move(disk->store);
}

TEST_CASE("both stores give the same ids") {
  TemporaryDirectory root;
  Hub memory(make_memory_store()), disk(disk_store(root.path()));
  std::string lines = Hub::header_line();
  for (int i = 0; i < 40; ++i) lines += Hub::file_line(fmt::format("d{}/f{}", i % 3, i), "text");
  for (Hub* hub : {&memory, &disk}) {
    hub->create();
    hub->commit(lines);
    hub->commit(Hub::header_line("b") + R"({"key":"deletedFolder","value":{"path":"d1"}})");
  }
  CHECK(memory.json("GET", "/api/models/me/r")["sha"] ==
        disk.json("GET", "/api/models/me/r")["sha"]);
  CHECK(memory.json("GET", "/api/models/me/r/tree/main?recursive=1") ==
        disk.json("GET", "/api/models/me/r/tree/main?recursive=1"));
}

TEST_CASE("git finds the repository sound, clones it and smudges its LFS files") {
  TemporaryDirectory root, work;
  Hub hub(disk_store(root.path()));
  hub.create();
  std::string content(3000, 'z'), oid = hub.upload(content);
  std::string lines = Hub::header_line("many");
  for (int i = 0; i < 100; ++i)
    lines += Hub::file_line(fmt::format("d/{}", i), fmt::format("{}", i));
  lines += Hub::file_line("with space ü.txt", "u");
  hub.commit(lines);                                                            // as a pack
  hub.commit(Hub::header_line() + Hub::lfs_line("untracked name", oid, 3000));  // loose
  hub.commit(Hub::header_line() + Hub::file_line("p", "P"),
             "/api/models/me/r/commit/main?create_pr=1");
  std::string bare = root.path() / "repos/models/me/r.git";
  Ran checked = run(fmt::format("git -C '{}' fsck --strict --full", bare));
  CHECK_MESSAGE(checked.status == 0, checked.output);
  CHECK(!checked.output.contains("dangling"));
  std::string clone = work.path() / "clone";
  Ran cloned = run(fmt::format("HOME='{}' GIT_LFS_SKIP_SMUDGE=1 git clone -q 'file://{}' '{}'",
                               work.path().native(), bare, clone));
  CHECK_MESSAGE(cloned.status == 0, cloned.output);
  CHECK(read_whole(work.path() / "clone/d/99") == "99");
  CHECK(read_whole(work.path() / "clone/with space ü.txt") == "u");
  CHECK(parse_pointer(read_whole(work.path() / "clone/untracked name"))->oid == oid);
  CHECK(run(fmt::format("git -C '{}' log --oneline | wc -l", clone)).output == "3\n");
  CHECK(run(fmt::format("git -C '{}' ls-remote . 'refs/pr/*'", bare)).output.contains("refs/pr/1"));
  Ran pulled = run(fmt::format("cd '{}' && HOME='{}' git lfs install --local && git lfs pull",
                               clone, work.path().native()));
  CHECK_MESSAGE(read_whole(work.path() / "clone/untracked name") == content, pulled.output);
}

TEST_CASE("a root belongs to one hub, of this format") {
  TemporaryDirectory root;
  auto first = open_disk_store(root.path() / "made");
  REQUIRE(first);
  CHECK(first->secret.size() == 64);
  auto second = open_disk_store(root.path() / "made");
  REQUIRE(!second);
  CHECK(second.error().code == "store_busy");
  std::string secret = first->secret;
  first->store.reset();
  auto again = open_disk_store(root.path() / "made");
  REQUIRE(again);
  CHECK(again->secret == secret);
  auto mode = std::filesystem::status(root.path() / "made/secret").permissions();
  CHECK(mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  again->store.reset();
  std::ofstream(root.path() / "made/format") << "2\n";
  CHECK(open_disk_store(root.path() / "made").error().code == "store_root_unusable");
  CHECK(open_disk_store(root.path()).error().code == "store_root_unusable");
}

TEST_CASE("a restarted hub goes on with an upload") {
  TemporaryDirectory root;
  ProtocolOptions options{.multipart_threshold = 2000, .part_size = 1000};
  std::string content(2500, 'q'), oid = sha256_hex(content), first_etag;
  {
    Hub hub(disk_store(root.path()), options);
    hub.create();
    Json upload = hub.batch(oid, content.size())["actions"]["upload"];
    Answer put = hub.follow("PUT", upload["header"]["00001"], content.substr(0, 1000));
    first_etag = put.headers.value_or("ETag", "");
  }
  Hub hub(disk_store(root.path()), options);
  Json upload = hub.batch(oid, content.size())["actions"]["upload"];
  Json parts = Json::array({{{"partNumber", 1}, {"etag", first_etag}}});
  for (std::size_t i = 1; i < 3; ++i) {
    Answer put = hub.follow("PUT", upload["header"][fmt::format("{:05}", i + 1)],
                            content.substr(i * 1000, 1000));
    parts.push_back({{"partNumber", i + 1}, {"etag", put.headers.value_or("ETag", "")}});
  }
  Answer done = hub.follow("POST", upload["href"], Json({{"oid", oid}, {"parts", parts}}).dump());
  CHECK_MESSAGE(done.status == 200, done.body);
  hub.commit(Hub::header_line() + Hub::lfs_line("f", oid, 2500));
  CHECK(hub.read("f") == content);
  CHECK(std::filesystem::is_empty(root.path() / "uploads"));
  CHECK(std::filesystem::is_empty(root.path() / "incoming"));
}

TEST_CASE("removing a repository keeps bytes that another has, and no others") {
  TemporaryDirectory root;
  Hub hub(disk_store(root.path()));
  hub.create();
  hub.create("me/other");
  std::string both = hub.upload("of both"), own = hub.upload("of one");
  hub.upload("of both", "me/other");
  auto shared = [&](const std::string& oid) {
    return std::filesystem::exists(root.path() / "objects" / oid.substr(0, 2) / oid.substr(2, 2) /
                                   oid);
  };
  CHECK(shared(both));
  CHECK(shared(own));
  hub.json("DELETE", "/api/repos/delete", R"({"name":"r"})");
  CHECK(shared(both));
  CHECK(!shared(own));
}

struct Child {
  int status = 0;   // the exit code 0 says that it got to the end
  int commits = 0;  // that it had answered
};

// What a child does before it is killed at some step. Of each commit it tells when it has answered.
Child work_in_child(const std::filesystem::path& root, long steps) {
  int tells[2];
  REQUIRE(::pipe(tells) == 0);
  pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    steps_left = steps;
    Hub hub(disk_store(root));
    hub.create("me/new");
    hub.upload("some content");
    auto tell = [&tells] { CHECK(::write(tells[1], "c", 1) == 1); };
    std::string lines = Hub::header_line("second");
    for (int i = 0; i < 30; ++i) lines += Hub::file_line(fmt::format("two/{}", i), "2");
    lines += Hub::lfs_line("two.bin", sha256_hex("some content"), 12);
    hub.commit(lines);
    tell();
    hub.commit(Hub::header_line("third") + Hub::file_line("three", "3"));
    tell();
    hub.commit(Hub::header_line("pull") + Hub::file_line("pr", "p"),
               "/api/models/me/r/commit/main?create_pr=1");
    ::_exit(0);
  }
  ::close(tells[1]);
  Child done;
  for (char told = 0; ::read(tells[0], &told, 1) == 1;) ++done.commits;
  ::close(tells[0]);
  REQUIRE(::waitpid(child, &done.status, 0) == child);
  return done;
}

TEST_CASE("killed at any step, a hub keeps whole commits, all it has answered, and goes on") {
  std::set<std::size_t> states;
  for (long steps = 0;; ++steps) {
    CAPTURE(steps);
    TemporaryDirectory root;
    {
      Hub hub(disk_store(root.path()));
      hub.create();
      hub.commit(Hub::header_line("first") + Hub::file_line("one", "1"));
    }
    Child child = work_in_child(root.path(), steps);
    Hub hub(disk_store(root.path()));
    // Two were there before.
    std::size_t commits = hub.json("GET", "/api/models/me/r/commits/main").size();
    CHECK(commits >= 2 + static_cast<std::size_t>(child.commits));
    states.insert(commits);
    CHECK(hub.read("one") == "1");
    bool second = hub.read("two/0") == "2";
    CHECK((hub.read("two/29") == "2") == second);
    CHECK((hub.read("two.bin") == "some content") == second);
    CHECK((hub.read("three") == "3") == (commits == 4));
    Answer fresh = hub.call("GET", "/me/new/resolve/main/.gitattributes");
    CHECK((fresh.status == 200 || fresh.status == 404));
    std::string bare = root.path() / "repos/models/me/r.git";
    Ran checked = run(fmt::format("git -C '{}' fsck --strict --full", bare));
    CHECK_MESSAGE(checked.status == 0, checked.output);
    // Everything can be done again, whatever the crash left.
    hub.call("POST", "/api/repos/create", R"({"name":"new"})");
    CHECK(hub.call("GET", "/api/models/me/new").status == 200);
    hub.upload("some content");
    hub.commit(Hub::header_line() + Hub::lfs_line("again", sha256_hex("some content"), 12) +
               Hub::file_line("one", "one"));
    CHECK(hub.read("again") == "some content");
    hub.commit(Hub::header_line(), "/api/models/me/r/commit/main?create_pr=1");
    if (WIFEXITED(child.status)) break;
    REQUIRE(WTERMSIG(child.status) == SIGKILL);
    REQUIRE(steps < 500);
  }
  CHECK(states == std::set<std::size_t>{2, 3, 4});
}

}  // namespace
}  // namespace headrace::hub
