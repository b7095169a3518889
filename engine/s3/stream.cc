#include "engine/s3/stream.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/part_upload.h"
#include "io/worker.h"
#include "net/retry.h"

namespace headrace {
namespace {

constexpr std::uint32_t tries_max = 5;
constexpr std::uint64_t anywhere = UINT64_MAX;  // for the kernel: where the file stands

Error stopped() {
  return make_error(ErrorClass::cancelled, "cancelled", "told to stop").at("read");
}

// Input that ended before its first byte.
class NoBytes final : public Reader {
 public:
  const FileIdentity& identity() const override { return identity_; }
  Task<Result<std::size_t>> read(Scope&, std::uint64_t, std::span<std::byte>) override {
    co_return 0;
  }
  Task<Status> verify(Scope&) override { co_return Status(); }
  Task<void> close(Scope&) override { co_return; }

 private:
  const FileIdentity identity_;
};

// What names the input in messages. Bytes are in the arena by the time anybody asks for them.
class InputName final : public Source {
 public:
  const std::string& name() const override { return name_; }
  Task<Result<std::unique_ptr<Reader>>> open(Scope&) const override {
    co_return std::make_unique<NoBytes>();
  }

 private:
  const std::string name_ = "standard input";
};

std::uint64_t part_size_of(std::uint64_t wanted, std::size_t blocks_total) {
  std::uint64_t affordable = blocks_total / 2 * block_size_bytes;
  return std::min(wanted / block_size_bytes * block_size_bytes, affordable);
}

}  // namespace

Task<Result<std::size_t>> ByteInput::read(Scope& scope, std::span<std::byte> into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    int got = co_await scope.worker().read(scope, file_, into.subspan(filled), anywhere);
    if (got == -ECANCELED) co_return fail(stopped());
    if (got < 0) {
      co_return fail(system_error("read_failed", "standard input can't be read", -got).at("read"));
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  co_return filled;
}

S3Stream::S3Stream(Crew& crew, std::shared_ptr<S3Access> access, const S3Object& like,
                   std::uint64_t part_size, Reporter& reporter)
    : crew_(crew),
      access_(std::move(access)),
      like_(like),
      part_size_(part_size_of(part_size, crew.arena().blocks_total())),
      reporter_(reporter) {}

std::shared_ptr<S3Object> S3Stream::object_of(std::uint64_t size, bool in_parts) const {
  auto object = std::make_shared<S3Object>();
  object->place = like_.place;
  object->fields = like_.fields;
  object->if_none_match = like_.if_none_match;
  object->checksum = like_.checksum;
  object->use = like_.use;
  object->size = size;
  object->part_size = in_parts ? part_size_ : 0;
  return object;
}

Task<Result<S3Stream::Filled>> S3Stream::fill(Scope& scope, ByteInput& input) {
  Filled part;
  part.ticket = co_await crew_.arena().reserve(scope, part_size_ / block_size_bytes);
  if (!part.ticket) co_return fail(stopped());
  while (part.size < part_size_) {
    Slice block = co_await part.ticket.take(scope);
    if (!block) co_return fail(stopped());
    Result<std::size_t> got = co_await input.read(scope, block.writable());
    if (!got) co_return fail(std::move(got.error()));
    part.size += *got;
    reporter_.counters.bytes_total.fetch_add(*got, std::memory_order_relaxed);
    reporter_.counters.bytes_to_send.fetch_add(*got, std::memory_order_relaxed);
    if (*got > 0) part.slices.push_back(block.sub(0, *got));
    part.ended = *got < block.size();
    if (part.ended) break;
  }
  size_ += part.size;
  co_return part;
}

Task<Status> S3Stream::begin(Scope& scope) {
  S3Client client(crew_.hand(0).client, *access_);
  client.count_retries(reporter_.counters.retries);
  object_ = object_of(s3_parts_max * part_size_, true);
  Result<std::string> upload =
      co_await client.create_upload(scope, object_->place, upload_fields(*object_));
  if (!upload) co_return fail(std::move(upload.error()));
  object_->upload = std::move(*upload);
  co_return Status();
}

Task<Status> S3Stream::run(Scope& scope, ByteInput& input) {
  Status ready = co_await access_->ready(scope, crew_.hand(0).client);
  if (!ready) co_return ready;
  Result<Filled> first = co_await fill(scope, input);
  if (!first) co_return fail(std::move(first.error()));
  Status sent;
  if (first->ended) {
    object_ = object_of(size_, false);
    Scope sending(scope);
    co_await send_part(sending, 0, std::move(*first));
    if (first_error_) sent = fail(std::move(*first_error_));
  } else {
    sent = co_await begin(scope);
    if (sent) sent = co_await send_all(scope, input, std::move(*first));
  }
  if (sent) sent = co_await finish(scope);
  complete_ = sent.has_value();
  co_return sent;
}

Task<Status> S3Stream::send_all(Scope& scope, ByteInput& input, Filled first) {
  Scope sending(scope);
  Status status;
  std::uint32_t index = 0;
  for (Filled part = std::move(first); part.size > 0;) {
    bool ended = part.ended;
    sending.spawn(send_part(sending, index++, std::move(part)));
    part = Filled();
    if (ended || first_error_) break;
    if (index == s3_parts_max) {
      status = fail(make_error(ErrorClass::fail, "object_too_large",
                               fmt::format("standard input does not fit into 10,000 parts of {} "
                                           "bytes",
                                           part_size_))
                        .at("read")
                        .hinting("choose a larger --part-size"));
      break;
    }
    Result<Filled> next = co_await fill(sending, input);
    if (!next) {
      status = fail(std::move(next.error()));
      break;
    }
    part = std::move(*next);
  }
  if (!status) {
    // Parts that are stopped for it have nothing to say of the cause.
    if (!first_error_) first_error_ = std::move(status.error());
    sending.cancel();
  }
  co_await sending.join();
  if (first_error_) co_return fail(std::move(*first_error_));
  co_return Status();
}

Task<void> S3Stream::send_part(Scope& scope, std::uint32_t index, Filled part) {
  auto target = std::make_shared<S3Target>(access_, object_, object_->upload);
  SendPart work{.object = 0,
                .file = 0,
                .identity = {},
                .part = index,
                .generation = 0,
                .tries = 0,
                .target = std::move(target),
                .slices = std::move(part.slices)};
  Result<std::string> tag = co_await send_until_done(scope, work);
  if (!tag) {
    if (!first_error_) first_error_ = std::move(tag.error()).on_path("standard input");
    scope.cancel();
    co_return;
  }
  if (tags_.size() <= index) tags_.resize(index + 1);
  tags_[index] = std::move(*tag);
  reporter_.counters.bytes_confirmed.fetch_add(part.size, std::memory_order_relaxed);
}

Task<Result<std::string>> S3Stream::send_until_done(Scope& scope, SendPart& work) {
  InputName name;
  Ticket none;
  Worker& worker = scope.worker();
  while (true) {
    PartUpload upload{.client = crew_.hand(0).client,
                      .source = name,
                      .work = work,
                      .ticket = none,
                      .counters = reporter_.counters,
                      .new_connection = work.tries > 0};
    Result<std::string> tag = co_await upload.run(scope);
    if (tag) co_return tag;
    Error error = std::move(tag.error());
    bool again = error.kind == ErrorClass::retry || error.code == "keys_expired";
    if (!again || ++work.tries == tries_max) co_return fail(std::move(error));
    reporter_.counters.retries.fetch_add(1, std::memory_order_relaxed);
    std::int64_t wait = retry_wait_ms(RetryPolicy(), static_cast<int>(work.tries),
                                      worker.prng().next(), error.retry_after_ms);
    bool slept = co_await worker.sleep(scope, std::chrono::milliseconds(wait));
    if (!slept) co_return fail(stopped());
    Status ready = co_await access_->ready(scope, crew_.hand(0).client);
    if (!ready) co_return fail(std::move(ready.error()));
  }
}

Task<Status> S3Stream::finish(Scope& scope) {
  std::shared_ptr<S3Object> whole = object_of(size_, object_->part_size > 0);
  S3Target target(access_, whole, object_->upload);
  DigestValue no_oid;
  Worker& worker = scope.worker();
  for (std::uint32_t tries = 1;; ++tries) {
    FinishCall call{.client = crew_.hand(0).client,
                    .oid = no_oid,
                    .size = size_,
                    .tags = tags_,
                    .retries = reporter_.counters.retries};
    Status done = co_await target.finish(scope, call);
    if (done) co_return done;
    bool again = target.judge_finish(done.error()) == AfterFinish::again;
    if (!again || tries == tries_max) co_return done;
    std::int64_t wait = retry_wait_ms(RetryPolicy(), static_cast<int>(tries), worker.prng().next(),
                                      done.error().retry_after_ms);
    bool slept = co_await worker.sleep(scope, std::chrono::milliseconds(wait));
    if (!slept) co_return fail(stopped());
  }
}

std::shared_ptr<const S3Object> S3Stream::unfinished() const {
  bool begun = object_ && !object_->upload.empty() && !object_->gone;
  return begun && !complete_ ? object_ : nullptr;
}

}  // namespace headrace
