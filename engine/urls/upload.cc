#include "engine/urls/upload.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/memory_source.h"
#include "engine/transfer.h"
#include "engine/urls/file_range.h"
#include "engine/urls/target.h"
#include "net/url.h"

namespace headrace {
namespace {

std::unexpected<Error> bad_part_urls(std::string_view why) {
  return fail(make_error(ErrorClass::fail, "bad_part_urls", why)
                  .at("arguments")
                  .hinting("give one URL for each part of `part_size` bytes, in order"));
}

// One file, one object, its target known from the beginning.
class UrlsRoad final : public Road {
 public:
  explicit UrlsRoad(std::shared_ptr<const Target> target) : target_(std::move(target)) {}

  SchedulerLimits limits() const override { return {.share_content = false}; }
  bool digests() const override { return false; }
  std::optional<std::size_t> sample_size(const FileRecord&) const override { return 0; }
  Task<Result<std::vector<Result<Classified>>>> classify(
      Scope&, const RoadCall&, std::span<const FileSample> samples) const override {
    std::vector<Result<Classified>> answers(samples.size(), Classified{.large = true});
    co_return answers;
  }
  std::unique_ptr<Digest> digest(const FileRecord&) const override { return nullptr; }
  Task<Result<std::vector<Negotiation>>> negotiate(
      Scope&, const RoadCall&, std::span<const NegotiateObjects::Object> objects) const override {
    std::vector<Negotiation> answers(objects.size(), target_);
    co_return answers;
  }

 private:
  const std::shared_ptr<const Target> target_;
};

}  // namespace

Task<Result<std::uint64_t>> UrlsUpload::source_size(Scope& scope) const {
  if (request_.path.empty()) co_return request_.memory.size();
  const FileSource file(request_.path);
  Result<std::unique_ptr<Reader>> reader = co_await file.open(scope);
  if (!reader) co_return fail(std::move(reader.error()));
  std::uint64_t size = (*reader)->identity().size;
  co_await (*reader)->close(scope);
  co_return size;
}

std::unique_ptr<Source> UrlsUpload::source(std::uint64_t length) const {
  if (request_.path.empty())
    return std::make_unique<MemorySource>(request_.memory.subspan(request_.offset, length));
  return std::make_unique<FileRange>(request_.path, request_.offset, length);
}

Result<std::uint64_t> UrlsUpload::length_of(std::uint64_t source_size) const {
  const UrlsRequest& request = request_;
  if (request.offset > source_size || request.length > source_size - request.offset)
    return bad_part_urls(
        fmt::format("the range ends after the source, which has {} bytes", source_size));
  std::uint64_t length = request.length == 0 ? source_size - request.offset : request.length;
  if (request.part_size == 0) return bad_part_urls("the part size is 0");
  std::uint64_t parts = std::max<std::uint64_t>(1, part_count(length, request.part_size));
  if (parts != request.urls.size())
    return bad_part_urls(fmt::format("{} bytes are {} parts of {} bytes, and there are {} URLs",
                                     length, parts, request.part_size, request.urls.size()));
  for (const std::string& url : request.urls) {
    Result<Url> parsed = Url::parse(url);
    if (!parsed) return fail(std::move(parsed.error()).at("arguments"));
  }
  return length;
}

// As many as pay, but no more than there are parts.
std::uint32_t UrlsUpload::connections() const {
  constexpr std::uint32_t few_parts = 16;
  std::uint32_t wanted = request_.connections == 0 ? connections_ : request_.connections;
  auto parts = static_cast<std::uint32_t>(request_.urls.size());
  if (wanted == 0) return parts < few_parts ? parts : 0;
  return std::min(wanted, parts);
}

Task<Result<UploadResult>> UrlsUpload::run(Scope& scope) {
  Result<std::uint64_t> size = co_await source_size(scope);
  if (!size) co_return fail(std::move(size.error()));
  Result<std::uint64_t> length = length_of(*size);
  if (!length) co_return fail(std::move(length.error()));
  reporter_.counters.files_total = 1;
  reporter_.counters.bytes_total = *length;

  UploadResult result;
  UrlsRoad road(std::make_shared<UrlsTarget>(request_, *length, result.part_tags));
  Transfer transfer(crew_, road, {.connections = connections()}, reporter_);
  FileRecord file;
  file.source = source(*length);
  file.path = file.source->name();
  file.size = *length;
  transfer.add(std::move(file));
  Status sent = co_await transfer.run(scope);
  co_await crew_.close_idle(scope);
  if (!sent) {
    Error error = std::move(sent.error());
    if (error.code == "url_expired") error.kind = ErrorClass::expired;
    co_return fail(std::move(error));
  }
  result.totals.files = 1;
  result.totals.bytes = *length;
  result.totals.bytes_sent = reporter_.counters.bytes_sent;
  result.totals.retries = reporter_.counters.retries;
  co_return result;
}

}  // namespace headrace
