#include "engine/part_upload.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/read_pass.h"
#include "io/worker.h"

namespace headrace {
namespace {

class SentCounter final : public SendObserver {
 public:
  SentCounter(Counters& counters, SendObserver* next, LineGauge* gauge)
      : counters_(counters), next_(next), gauge_(gauge) {}
  ~SentCounter() override { counters_.bytes_on_way.fetch_sub(arrived_, std::memory_order_relaxed); }
  void begins(std::string_view address) override {
    last_ = 0;
    if (next_) next_->begins(address);
  }
  void body_sent(std::uint64_t bytes) override {
    if (next_) next_->body_sent(bytes);
    if (bytes > last_) counters_.bytes_sent.fetch_add(bytes - last_, std::memory_order_relaxed);
    last_ = bytes;
  }
  void line(const Line& line) override {
    if (gauge_) gauge_->note_round_trip(line.round_trip);
    auto held = static_cast<std::uint64_t>(std::max<std::int64_t>(line.unacknowledged, 0));
    arrived(last_ - std::min(last_, held));
  }
  // In this try so far.
  void arrived(std::uint64_t bytes) {
    if (bytes <= arrived_) return;
    if (gauge_) gauge_->note_arrived(bytes - arrived_);
    counters_.bytes_on_way.fetch_add(bytes - arrived_, std::memory_order_relaxed);
    arrived_ = bytes;
  }

 private:
  Counters& counters_;
  SendObserver* const next_;
  LineGauge* const gauge_;
  std::uint64_t last_ = 0;
  std::uint64_t arrived_ = 0;
};

// A part of a file. The read that ends it looks whether the file still is what it was: the last
// bytes of one that changed never leave, and no other side has what never was.
class UnchangedRange final : public RangeSource {
 public:
  UnchangedRange(Reader& reader, std::uint64_t end) : reader_(reader), end_(end) {}
  Task<Result<std::size_t>> read(Scope& scope, std::uint64_t offset,
                                 std::span<std::byte> into) override {
    Result<std::size_t> got = co_await reader_.read(scope, offset, into);
    if (!got || offset + *got < end_) co_return got;
    Status same = co_await reader_.verify(scope);
    if (!same) co_return fail(std::move(same.error()));
    co_return got;
  }

 private:
  Reader& reader_;
  const std::uint64_t end_;
};

}  // namespace

Task<Result<std::string>> PartUpload::run(Scope& scope) {
  if (work.slices.empty()) {
    Result<std::string> tag = co_await run_from_source(scope);
    co_return tag;
  }
  PartContent content{.slices = work.slices, .range = {}};
  Result<std::string> tag = co_await send(scope, content);
  co_return tag;
}

// What nobody has looked at goes whole, with what it is now.
Task<Result<std::unique_ptr<Reader>>> PartUpload::open(Scope& scope) {
  if (!work.identity) return open_listed(scope, source, work.size);
  return open_unchanged(scope, source, *work.identity);
}

Task<Result<std::string>> PartUpload::run_from_source(Scope& scope) {
  Result<std::unique_ptr<Reader>> reader = co_await open(scope);
  if (!reader) co_return fail(std::move(reader.error()));
  Result<std::string> tag = co_await send_from(scope, **reader);
  co_await (*reader)->close(scope);
  co_return tag;
}

Task<Result<std::string>> PartUpload::send_from(Scope& scope, Reader& reader) {
  PartRange range = work.target->range(work.part);
  UnchangedRange source(reader, range.offset + range.size);
  PartContent content{
      .slices = {},
      .range = {.source = &source, .offset = range.offset, .size = range.size, .ticket = &ticket}};
  std::vector<Slice> slices;
  Ticket whole;
  if (range.size > 0 && range.size <= work.target->read_first_max()) {
    Result<Ticket> memory = co_await memory_for(scope, range.size);
    if (!memory) co_return fail(std::move(memory.error()));
    whole = std::move(*memory);
    if (whole) content.range.ticket = &whole;
    Status read = co_await read_whole(scope, content.range, slices);
    if (!read) co_return fail(std::move(read.error()));
    content.slices = slices;
  }
  Result<std::string> tag = co_await send(scope, content);
  co_return tag;
}

// No ticket: the sender's own is enough.
Task<Result<Ticket>> PartUpload::memory_for(Scope& scope, std::uint64_t size) {
  constexpr std::uint64_t senders_blocks = 2;
  std::uint64_t blocks = (size + block_size_bytes - 1) / block_size_bytes;
  if (blocks <= senders_blocks) co_return Ticket();
  // Lanes hold half of it for good.
  if (!arena || blocks > arena->blocks_total() / 2) {
    co_return fail(make_error(ErrorClass::limit, "part_exceeds_memory",
                              fmt::format("a part of {} bytes has to be in memory whole, and the "
                                          "memory budget does not hold it",
                                          size))
                       .at("read")
                       .hinting("choose a smaller --part-size, or a larger --memory-limit"));
  }
  Ticket memory = co_await arena->reserve(scope, blocks);
  if (!memory)
    co_return fail(make_error(ErrorClass::cancelled, "cancelled", "told to stop").at("read"));
  co_return memory;
}

Task<Status> PartUpload::read_whole(Scope& scope, const Body::Range& range,
                                    std::vector<Slice>& slices) {
  for (std::uint64_t done = 0; done < range.size;) {
    Slice block = co_await range.ticket->take(scope);
    if (!block)
      co_return fail(make_error(ErrorClass::cancelled, "cancelled", "told to stop").at("read"));
    std::size_t size = std::min<std::uint64_t>(block.size(), range.size - done);
    Result<std::size_t> got =
        co_await range.source->read(scope, range.offset + done, block.writable().first(size));
    if (!got) co_return fail(std::move(got.error()));
    slices.push_back(block.sub(0, size));
    done += size;
  }
  co_return Status();
}

Task<Result<std::string>> PartUpload::send(Scope& scope, const PartContent& content) {
  Result<std::unique_ptr<Parcel>> parcel =
      work.target->pack(work.part, content, client.worker().backend().wall_seconds());
  if (!parcel) co_return fail(std::move(parcel.error()).at("part"));
  Result<Url> url = Url::parse((*parcel)->request.url);
  if (!url) co_return fail(std::move(url.error()).at("part"));
  SentCounter counter(counters, watcher, gauge);
  HttpRequest request;
  request.method = std::move((*parcel)->request.method);
  request.url = std::move(*url);
  request.headers = std::move((*parcel)->request.headers);
  request.body = std::move((*parcel)->body);
  request.follow_redirects = false;
  request.new_connection = new_connection;
  request.stage = "part";
  request.subject = fmt::format("{} part {}", source.name(), work.part + 1);
  request.observer = &counter;
  Result<HttpAnswer> answer = co_await client.send(scope, request);
  if (answer && answer->status < 300) counter.arrived(request.body.size());
  Result<std::string> tag =
      answer ? judge(**parcel, *answer, request) : fail(std::move(answer.error()));
  if (!tag) {
    Error error = std::move(tag.error());
    if (work.target->part_count() > 1 && error.part == 0)
      error.part = static_cast<int>(work.part) + 1;
    error.attempts = static_cast<int>(work.tries) + 1;
    co_return fail(std::move(error).at("part"));
  }
  co_return tag;
}

Result<std::string> PartUpload::judge(const Parcel& parcel, const HttpAnswer& answer,
                                      const HttpRequest& request) const {
  std::int64_t now = client.worker().backend().wall_seconds();
  return parcel.judge(answer, error_of_answer(answer, request, now), now);
}

}  // namespace headrace
