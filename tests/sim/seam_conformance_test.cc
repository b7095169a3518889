// seam_conformance_test.cc: the suite of seam_conformance.h on both backends.
//
// liburing's function that sets a ring up is taken over here, so that this kernel can be made to
// refuse what older ones do not know.
#include "tests/sim/seam_conformance.h"

#include <filesystem>
#include <fstream>
#include <future>

#include <doctest/doctest.h>
#include <liburing.h>

#include "io/runtime.h"
#include "io/uring.h"
#include "tests/sim/sim_world.h"

namespace headrace {
namespace {

// Flags that this kernel shall not know (none: all are fine), and how it says so.
std::atomic<unsigned> refused_flags = 0;
std::atomic<int> refusal = -EINVAL;

struct RefusedSetup {
  RefusedSetup(unsigned flags, int result = -EINVAL) {
    refused_flags = flags;
    refusal = result;
  }
  ~RefusedSetup() { refused_flags = 0; }
};

}  // namespace
}  // namespace headrace

int io_uring_queue_init(unsigned entries, io_uring* ring, unsigned flags) {
  const unsigned refused = headrace::refused_flags;
  if ((refused & flags) != 0 || refused == ~0u) return headrace::refusal;
  io_uring_params parameters{};
  parameters.flags = flags;
  return io_uring_queue_init_params(entries, ring, &parameters);
}

namespace headrace {
namespace {

constexpr std::uint64_t sim_seeds = 60;

class KernelRig final : public Rig {
 public:
  KernelRig() {
    char name[] = "/tmp/headrace-seam-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    directory_ = name;
    Result<std::unique_ptr<Runtime>> runtime = Runtime::start(2, 1);
    REQUIRE(runtime);
    runtime_ = std::move(*runtime);
  }
  ~KernelRig() override {
    runtime_->stop();
    std::filesystem::remove_all(directory_);
  }

  Worker& worker(std::size_t index) override { return runtime_->worker(index); }
  void run(const std::function<Task<void>(Scope&, Rig&)>& body) override {
    std::promise<void> ended;
    std::unique_ptr<Scope> scope;
    worker(0).send([&] {
      scope = std::make_unique<Scope>(worker(0));
      scope->spawn(run_then_tell(*scope, body, ended));
    });
    ended.get_future().wait();
    std::promise<void> gone;
    worker(0).send([&] {
      scope.reset();
      gone.set_value();
    });
    gone.get_future().wait();
  }
  std::string file(const std::string& bytes) override {
    std::string path = directory_ + "/" + std::to_string(++files_);
    rewrite(path, bytes);
    return path;
  }
  void rewrite(const std::string& path, const std::string& bytes) override {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  std::string directory() override { return directory_; }
  std::string missing() override { return directory_ + "/missing"; }

 private:
  Task<void> run_then_tell(Scope& scope, const std::function<Task<void>(Scope&, Rig&)>& body,
                           std::promise<void>& ended) {
    co_await body(scope, *this);
    ended.set_value();
  }

  std::string directory_;
  std::unique_ptr<Runtime> runtime_;
  int files_ = 0;
};

class SimRig final : public Rig {
 public:
  SimRig(std::uint64_t seed, const SimKnobs& knobs) : world_({.seed = seed, .knobs = knobs}) {}

  Worker& worker(std::size_t index) override { return world_.worker(index); }
  void run(const std::function<Task<void>(Scope&, Rig&)>& body) override {
    bool ended = world_.run(0, [&](Scope& scope) { return body(scope, *this); });
    CHECK(ended);
    // What is on its way at the end comes home, and nothing is left open.
    bool rested = world_.run([&] { return worker(0).idle() && worker(1).idle(); }, 1h);
    CHECK(rested);
    CHECK(world_.files().open_count() == 0);
    for (const std::string& violation : world_.violations()) FAIL_CHECK(violation);
  }
  std::string file(const std::string& bytes) override {
    std::string path = "/file/" + std::to_string(++files_);
    world_.files().write(path, bytes);
    return path;
  }
  void rewrite(const std::string& path, const std::string& bytes) override {
    world_.files().write(path, bytes);
  }
  std::string directory() override {
    world_.files().make_directory("/directory");
    return "/directory";
  }
  std::string missing() override { return "/missing"; }

 private:
  SimWorld world_;
  int files_ = 0;
};

}  // namespace

TEST_CASE("the kernel ring keeps the seam with what older kernels have") {
  struct Kernel {
    unsigned unknown;
    const char* found;
  };
  constexpr unsigned of_6_1 = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  for (const Kernel& kernel :
       {Kernel{0, "single issuer, deferred task work"}, Kernel{of_6_1, "cooperative task work"},
        Kernel{of_6_1 | IORING_SETUP_COOP_TASKRUN, "no setup flags"}}) {
    CAPTURE(kernel.found);
    RefusedSetup refused(kernel.unknown);
    CHECK(describe_uring().value_or("") == kernel.found);
    KernelRig rig;
    for (const SeamCase& one : seam_cases()) {
      INFO(std::string(one.name));
      rig.run(one.body);
    }
  }
}

TEST_CASE("a ring that can't be had is an error with a way out, and nothing is left running") {
  struct Case {
    int result;
    const char* code;
  };
  for (const Case& one : {Case{-EPERM, "io_uring_forbidden"}, Case{-ENOSYS, "io_uring_forbidden"},
                          Case{-ENOMEM, "io_uring_memlock"}, Case{-EMFILE, "io_uring_failed"}}) {
    RefusedSetup refused(~0u, one.result);
    Result<std::unique_ptr<Runtime>> runtime = Runtime::start(2, 1);
    REQUIRE(!runtime);
    CHECK(runtime.error().code == one.code);
    CHECK(runtime.error().sys_error == -one.result);
  }
}

TEST_CASE("the simulation keeps the seam") {
  for (const SeamCase& one : seam_cases()) {
    INFO(std::string(one.name));
    for (std::uint64_t seed = 1; seed <= sim_seeds; ++seed) {
      CAPTURE(seed);
      Prng prng(seed);
      SimRig rig(seed, SimKnobs::calm(prng));
      rig.run(one.body);
    }
  }
}

}  // namespace headrace
