// target.h: UrlsTarget, parts to URLs that somebody else has negotiated. Contract: engine/target.h.
//
// Nothing is asked before and nothing is said afterwards: finish() hands the parts' tags over. A
// URL that has run out cannot be renewed here, so `url_expired` ends the upload.
#pragma once

#include <string>
#include <vector>

#include "engine/target.h"
#include "engine/urls_request.h"

namespace headrace {

class UrlsTarget final : public Target {
 public:
  // `request` and `tags` outlive it; `length` is what the request's means.
  UrlsTarget(const UrlsRequest& request, std::uint64_t length, std::vector<std::string>& tags)
      : request_(request), length_(length), tags_(tags) {}

  std::uint32_t part_count() const override {
    return static_cast<std::uint32_t>(request_.urls.size());
  }
  PartRange range(std::uint32_t index) const override;
  Result<PartRequest> request(std::uint32_t index) const override;
  // What lies in memory goes from there.
  Result<std::unique_ptr<Parcel>> pack(std::uint32_t index, const PartContent& content,
                                       std::int64_t now) const override;
  Result<std::string> judge_part(const HttpAnswer& answer, Error as_it_stands,
                                 std::int64_t now) const override;
  Task<Status> finish(Scope& scope, const FinishCall& call) const override;
  AfterFinish judge_finish(const Error&) const override { return AfterFinish::fail; }
  const std::string& upload_name() const override { return no_name_; }

 private:
  const UrlsRequest& request_;
  const std::uint64_t length_;
  std::vector<std::string>& tags_;
  const std::string no_name_;
};

}  // namespace headrace
