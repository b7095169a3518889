// target.h: HubTarget, what the Hub's LFS batch answer says about one object, as a Target.
// Immutable. Where an object goes in one PUT it has one part. The upload's name is the completion
// URL without what changes from one signing to the next.
#pragma once

#include "engine/hub/messages.h"
#include "engine/target.h"

namespace headrace {

class HubTarget final : public Target {
 public:
  // `answer` is of transfer single or multipart; `now` in seconds since 1970.
  HubTarget(LfsAnswer answer, std::uint64_t size, const std::string& endpoint, std::int64_t now);

  std::uint32_t part_count() const override;
  PartRange range(std::uint32_t index) const override;
  Result<PartRequest> request(std::uint32_t index) const override;
  bool wants_etag() const override { return multipart(); }
  const std::string& upload_name() const override { return upload_name_; }
  std::int64_t expires_at() const override { return expires_at_; }

  bool multipart() const { return answer_.transfer == LfsTransfer::multipart; }
  const std::string& completion_url() const { return answer_.href; }
  const std::optional<LfsVerify>& verify() const { return answer_.verify; }

 private:
  LfsAnswer answer_;
  std::uint64_t size_;
  std::string upload_name_;
  std::int64_t expires_at_ = 0;
};

}  // namespace headrace
