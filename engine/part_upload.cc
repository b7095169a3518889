#include "engine/part_upload.h"

#include <fmt/format.h>

#include "engine/read_pass.h"
#include "io/worker.h"

namespace headrace {
namespace {

class SentCounter final : public SendObserver {
 public:
  explicit SentCounter(std::atomic<std::uint64_t>& total) : total_(total) {}
  void body_sent(std::uint64_t bytes) override {
    if (bytes > last_) total_.fetch_add(bytes - last_, std::memory_order_relaxed);
    last_ = bytes;
  }

 private:
  std::atomic<std::uint64_t>& total_;
  std::uint64_t last_ = 0;
};

}  // namespace

Task<Result<std::string>> PartUpload::run(Scope& scope) {
  Result<PartRequest> wish = work.target->request(work.part);
  if (!wish) co_return fail(std::move(wish.error()).at("part"));
  Result<Url> url = Url::parse(wish->url);
  if (!url) co_return fail(std::move(url.error()).at("part"));
  HttpRequest request;
  request.method = std::move(wish->method);
  request.url = std::move(*url);
  request.headers = std::move(wish->headers);
  request.follow_redirects = false;
  request.new_connection = new_connection;
  request.stage = "part";
  request.subject = fmt::format("{} part {}", source.name(), work.part + 1);
  if (work.slices.empty()) {
    Result<std::string> etag = co_await run_from_source(scope, request);
    co_return etag;
  }
  request.body.reserve(work.slices.size());
  for (const Slice& slice : work.slices) request.body.add(slice);
  Result<std::string> etag = co_await send(scope, request);
  co_return etag;
}

// What nobody has looked at goes whole, with what it is now.
Task<Result<std::unique_ptr<Reader>>> PartUpload::open(Scope& scope) {
  if (!work.identity) return open_listed(scope, source, work.size);
  return open_unchanged(scope, source, *work.identity);
}

Task<Result<std::string>> PartUpload::run_from_source(Scope& scope, HttpRequest& request) {
  Result<std::unique_ptr<Reader>> reader = co_await open(scope);
  if (!reader) co_return fail(std::move(reader.error()));
  PartRange range = work.target->range(work.part);
  request.body.add(
      {.source = reader->get(), .offset = range.offset, .size = range.size, .ticket = &ticket});
  Result<std::string> etag = co_await send(scope, request);
  // Bytes that changed under us were confirmed for nothing.
  Status same;
  if (etag) same = co_await (*reader)->verify(scope);
  co_await (*reader)->close(scope);
  if (!same) co_return fail(std::move(same.error()));
  co_return etag;
}

Task<Result<std::string>> PartUpload::send(Scope& scope, HttpRequest& request) {
  SentCounter counter(bytes_sent);
  request.observer = &counter;
  Result<HttpAnswer> answer = co_await client.send(scope, request);
  Result<std::string> etag = answer ? judge(*answer, request) : fail(std::move(answer.error()));
  if (!etag) {
    Error error = std::move(etag.error());
    if (work.target->part_count() > 1 && error.part == 0)
      error.part = static_cast<int>(work.part) + 1;
    error.attempts = static_cast<int>(work.tries) + 1;
    co_return fail(std::move(error).at("part"));
  }
  co_return etag;
}

Result<std::string> PartUpload::judge(const HttpAnswer& answer, const HttpRequest& request) const {
  std::int64_t now = client.worker().backend().wall_seconds();
  return work.target->judge_part(answer, error_of_answer(answer, request, now), now);
}

}  // namespace headrace
