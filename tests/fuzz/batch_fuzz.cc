// The answer of the LFS batch call, and what the parts of an object are made of it.
#include <memory>
#include <vector>

#include "engine/hub/messages.h"
#include "engine/hub/target.h"
#include "net/url.h"
#include "tests/fuzz/fuzz.h"

namespace headrace {
namespace {

void check(LfsAnswer answer, std::uint64_t size) {
  LfsTransfer transfer = answer.transfer;
  if (transfer == LfsTransfer::stored || transfer == LfsTransfer::refused) return;
  if (transfer == LfsTransfer::multipart) {
    MUST(answer.chunk_size > 0 && !answer.part_urls.empty());
    MUST(answer.part_urls.size() == (size - 1) / answer.chunk_size + 1);
  }
  bool multipart = transfer == LfsTransfer::multipart;
  auto access = std::make_shared<const HubAccess>(HubAccess{.endpoint = "http://127.0.0.1:8080"});
  HubTarget target(std::move(answer), size, access, 1'764'000'000);
  std::uint64_t offset = 0;
  for (std::uint32_t index = 0; index < target.part_count(); ++index) {
    PartRange range = target.range(index);
    MUST(range.offset == offset);
    offset += range.size;
    Result<PartRequest> request = target.request(index);
    MUST(request && !request->url.empty());
  }
  MUST(offset == size);
  MUST(target.upload_name().find("://") != std::string::npos || !multipart);
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace headrace;
  std::string_view input = text_of_input(data, size);
  const LfsObject asked[] = {{.oid = std::string(64, 'a'), .size = 35},
                             {.oid = std::string(64, 'b'), .size = 7}};
  std::size_t count = 1 + (take_byte(input) & 1);
  Result<std::vector<LfsAnswer>> answers = parse_lfs_batch(input, std::span(asked).first(count));
  if (!answers) {
    MUST(answers.error().code == "bad_answer" && answers.error().stage == "lfs_batch");
    MUST(!answers.error().message.empty());
    return 0;
  }
  MUST(answers->size() == count);
  for (std::size_t i = 0; i < count; ++i) check(std::move((*answers)[i]), asked[i].size);
  return 0;
}
