// target.h: EvenTarget, a target of parts of one size that all go to one URL, which is also the
// upload's name. Any success confirms a part, finishing is nothing.
#pragma once

#include <string>

#include "engine/target.h"

namespace headrace {

inline constexpr std::uint64_t even_part_size = 1 << 20;

class EvenTarget : public Target {
 public:
  EvenTarget(std::uint64_t size, std::uint64_t part_size, std::string url)
      : url_(std::move(url)), size_(size), part_size_(part_size) {}
  std::uint32_t part_count() const override {
    return static_cast<std::uint32_t>(headrace::part_count(size_, part_size_));
  }
  PartRange range(std::uint32_t index) const override {
    return part_range(size_, part_size_, index + 1);
  }
  Result<PartRequest> request(std::uint32_t) const override {
    return PartRequest{.method = "PUT", .url = url_, .headers = {}};
  }
  Result<std::string> judge_part(const HttpAnswer& answer, Error error,
                                 std::int64_t) const override {
    if (answer.status < 200 || answer.status >= 300) return fail(std::move(error));
    return std::string(answer.headers.value_or("etag", ""));
  }
  Task<Status> finish(Scope&, const FinishCall&) const override { co_return Status(); }
  AfterFinish judge_finish(const Error&) const override { return AfterFinish::fail; }
  const std::string& upload_name() const override { return url_; }

 protected:
  const std::string url_;

 private:
  const std::uint64_t size_;
  const std::uint64_t part_size_;
};

}  // namespace headrace
