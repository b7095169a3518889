// road.h: HubRoad, the way to the Hub as far as the commit: preupload says which files go as
// objects, an LFS batch answer where each object goes. Contract: engine/road.h.
#pragma once

#include "engine/hub/client.h"
#include "engine/road.h"

namespace headrace {

class HubRoad final : public Road {
 public:
  struct Options {
    std::string revision = "main";
    bool create_pr = false;
    std::optional<std::string> git_ignore;  // of the files themselves, at the repo's root
  };
  HubRoad(const HubAccess& access, Options options)
      : access_(std::make_shared<const HubAccess>(access)), options_(std::move(options)) {}

  SchedulerLimits limits() const override;
  bool digests() const override { return true; }
  bool over_tls() const override { return access_->endpoint.starts_with("https://"); }
  std::optional<std::size_t> sample_size(const FileRecord&) const override { return sample_bytes; }
  Task<Result<std::vector<Result<Classified>>>> classify(
      Scope& scope, const RoadCall& call, std::span<const FileSample> samples) const override;
  std::unique_ptr<Digest> digest(const FileRecord& file) const override;
  Task<Result<std::vector<Negotiation>>> negotiate(
      Scope& scope, const RoadCall& call,
      std::span<const NegotiateObjects::Object> objects) const override;

 private:
  HubClient hub(const RoadCall& call) const;

  const std::shared_ptr<const HubAccess> access_;  // outlives us in targets
  const Options options_;
};

}  // namespace headrace
