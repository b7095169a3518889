#include "engine/urls/target.h"

#include "engine/memory_source.h"
#include "engine/signed_url.h"

namespace headrace {
namespace {

class MemoryParcel final : public Parcel {
 public:
  MemoryParcel(const Target& target, PartRequest what, std::span<const std::byte> bytes)
      : Parcel(target, std::move(what)), bytes_(bytes) {
    if (!bytes.empty()) body.add(bytes_);
  }

 private:
  MemoryBody bytes_;
};

}  // namespace

PartRange UrlsTarget::range(std::uint32_t index) const {
  if (request_.urls.size() == 1) return {.number = 1, .offset = 0, .size = length_};
  return part_range(length_, request_.part_size, index + 1);
}

Result<PartRequest> UrlsTarget::request(std::uint32_t index) const {
  return PartRequest{.method = "PUT", .url = request_.urls[index], .headers = {}};
}

Result<std::unique_ptr<Parcel>> UrlsTarget::pack(std::uint32_t index, const PartContent& content,
                                                 std::int64_t now) const {
  if (!request_.path.empty()) return Target::pack(index, content, now);
  Result<PartRequest> wish = request(index);
  if (!wish) return fail(std::move(wish.error()));
  PartRange part = range(index);
  return std::make_unique<MemoryParcel>(
      *this, std::move(*wish), request_.memory.subspan(request_.offset + part.offset, part.size));
}

// A store that gives no tags is none of our business: whoever needs them sees that they are empty.
Result<std::string> UrlsTarget::judge_part(const HttpAnswer& answer, Error as_it_stands,
                                           std::int64_t now) const {
  if (answer.status >= 200 && answer.status < 300)
    return std::string(answer.headers.value_or("etag", ""));
  as_it_stands.code = "part_refused";
  if (says_expired(answer.status, answer.body, 0, now)) {
    become_url_expired(as_it_stands);
    // Of this class only where it could be renewed.
    as_it_stands.kind = ErrorClass::fail;
    as_it_stands.hint = "ask whoever made the URLs for new ones: these have run out";
  }
  return fail(std::move(as_it_stands));
}

Task<Status> UrlsTarget::finish(Scope&, const FinishCall& call) const {
  tags_.assign(call.tags.begin(), call.tags.end());
  co_return Status();
}

}  // namespace headrace
