#include "engine/s3/unfinished.h"

#include <algorithm>
#include <deque>

namespace headrace {
namespace {

constexpr std::size_t lists_side_by_side = 16;

}  // namespace

Task<Result<std::vector<UnfinishedUpload>>> UnfinishedList::run(Scope& scope,
                                                                const std::string& prefix,
                                                                bool parts) {
  Result<std::vector<S3Upload>> found = co_await client_.list_uploads(scope, bucket_, prefix);
  if (!found) co_return fail(std::move(found.error()));
  std::vector<UnfinishedUpload> uploads;
  for (S3Upload& each : *found) {
    uploads.push_back({.key = std::move(each.key),
                       .id = std::move(each.upload),
                       .begun_at = each.begun_at,
                       .stored = {}});
  }
  if (!parts) co_return uploads;
  std::deque<bool> ended(uploads.size(), false);
  for (std::size_t first = 0; first < uploads.size(); first += lists_side_by_side) {
    Scope asking(scope);
    std::size_t end = std::min(uploads.size(), first + lists_side_by_side);
    for (std::size_t i = first; i < end; ++i) {
      asking.spawn(look_at(asking, uploads[i], ended[i]));
    }
    co_await asking.join();
    if (first_error_) co_return fail(std::move(*first_error_));
  }
  std::vector<UnfinishedUpload> left;
  for (std::size_t i = 0; i < uploads.size(); ++i) {
    if (!ended[i]) left.push_back(std::move(uploads[i]));
  }
  co_return left;
}

Task<void> UnfinishedList::look_at(Scope& scope, UnfinishedUpload& upload, bool& ended) {
  S3Place place{.bucket = bucket_, .key = upload.key};
  Result<std::vector<S3Part>> parts = co_await client_.list_parts(scope, place, upload.id);
  if (!parts) {
    ended = parts.error().code == "no_such_upload";
    bool hidden = parts.error().code == "access_denied" || parts.error().code == "bad_answer";
    if (!ended && !hidden && !first_error_) first_error_ = std::move(parts.error());
    co_return;
  }
  StoredParts stored{.count = parts->size(), .bytes = 0};
  for (const S3Part& part : *parts) stored.bytes += part.size;
  upload.stored = stored;
}

}  // namespace headrace
