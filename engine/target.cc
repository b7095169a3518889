#include "engine/target.h"

namespace headrace {

Result<std::string> Parcel::judge(const HttpAnswer& answer, Error as_it_stands,
                                  std::int64_t now) const {
  return target_.judge_part(answer, std::move(as_it_stands), now);
}

void add_content(Body& body, const PartContent& content) {
  if (content.slices.empty()) {
    if (content.range.size > 0) body.add(content.range);
    return;
  }
  body.reserve(content.slices.size());
  for (const Slice& slice : content.slices) body.add(slice);
}

Result<std::unique_ptr<Parcel>> Target::pack(std::uint32_t index, const PartContent& content,
                                             std::int64_t) const {
  Result<PartRequest> wish = request(index);
  if (!wish) return fail(std::move(wish.error()));
  auto parcel = std::make_unique<Parcel>(*this, std::move(*wish));
  add_content(parcel->body, content);
  return parcel;
}

}  // namespace headrace
