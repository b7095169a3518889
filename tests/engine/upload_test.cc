#include "engine/hub/upload.h"

#include <thread>

#include "tests/support/loop.h"

namespace headrace {
namespace {

class Quiet final : public Reporter {
 public:
  void event(Event) override {}
};

// A crew of one over the kernel ring.
struct UploadLoop {
  Loop loop;
  SystemResolver resolver;
  Arena arena{16ULL << 20};
  Quiet reporter;

  Result<UploadResult> run(FindFiles find_files, std::function<void(Scope&)> meanwhile) {
    std::optional<Result<UploadResult>> result;
    loop.scope->spawn(task(std::move(find_files), result));
    while (loop.scope->children() > 0) {
      loop.worker->step(false);
      meanwhile(*loop.scope);
    }
    return std::move(*result);
  }

 private:
  Task<void> task(FindFiles find_files, std::optional<Result<UploadResult>>& result) {
    Crew crew({&*loop.worker}, resolver, arena);
    UploadRequest request;
    request.endpoint = "http://127.0.0.1:1";
    request.repo = {RepoType::model, "me", "r"};
    request.local_paths = {"/nowhere"};
    HubUpload upload(crew, std::move(request), 0, reporter, std::move(find_files));
    Result<UploadResult> ended = co_await upload.run(*loop.scope);
    result.emplace(std::move(ended));
  }
};

}  // namespace

TEST_CASE("a walk that is stopped ends the upload at once, and is told to stop") {
  std::atomic<bool> walking = false;
  std::atomic<bool> told = false;
  UploadLoop uploads;
  auto walk = [&](const UploadRequest&, const std::atomic<bool>& stop) -> Result<LocalFiles> {
    walking = true;
    while (!stop) std::this_thread::yield();
    told = true;
    return fail(make_error(ErrorClass::cancelled, "cancelled", "told to stop"));
  };
  Result<UploadResult> result = uploads.run(walk, [&](Scope& scope) {
    if (walking && !scope.cancelled()) scope.cancel();
  });
  REQUIRE(!result);
  CHECK(result.error().kind == ErrorClass::cancelled);
  CHECK(result.error().stage == "scan");
  while (!told) std::this_thread::yield();
}

TEST_CASE("a walk that fails ends the upload with its own error") {
  UploadLoop uploads;
  auto walk = [](const UploadRequest&, const std::atomic<bool>&) -> Result<LocalFiles> {
    return fail(make_error(ErrorClass::fail, "walk_failed", "no").at("scan").on_path("/nowhere/x"));
  };
  Result<UploadResult> result = uploads.run(walk, [](Scope&) {});
  REQUIRE(!result);
  CHECK(result.error().code == "walk_failed");
  CHECK(result.error().path == "/nowhere/x");
}

}  // namespace headrace
