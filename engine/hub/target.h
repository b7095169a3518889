// target.h: HubTarget, what the Hub's LFS batch answer says about one object, as a Target.
// Immutable. Where an object goes in one PUT it has one part. The upload's name is the completion
// URL without what changes from one signing to the next. An object is finished by the completion
// call (parts only) and the verify call (where the answer names one).
#pragma once

#include <memory>

#include "engine/hub/client.h"
#include "engine/target.h"

namespace headrace {

class HubTarget final : public Target {
 public:
  // `answer` is of transfer single or multipart; `now` in seconds since 1970.
  HubTarget(LfsAnswer answer, std::uint64_t size, std::shared_ptr<const HubAccess> access,
            std::int64_t now);

  std::uint32_t part_count() const override;
  PartRange range(std::uint32_t index) const override;
  Result<PartRequest> request(std::uint32_t index) const override;
  Result<std::string> judge_part(const HttpAnswer& answer, Error as_it_stands,
                                 std::int64_t now) const override;
  Task<Status> finish(Scope& scope, const FinishCall& call) const override;
  AfterFinish judge_finish(const Error& error) const override;
  const std::string& upload_name() const override { return upload_name_; }

 private:
  Status check_way(std::string_view url) const;
  bool multipart() const { return answer_.transfer == LfsTransfer::multipart; }

  std::shared_ptr<const HubAccess> access_;
  LfsAnswer answer_;
  std::uint64_t size_;
  std::string upload_name_;
  std::int64_t expires_at_ = 0;
};

}  // namespace headrace
