// All other JSON that comes from the Hub; the first byte says of which call.
#include "engine/hub/messages.h"
#include "tests/fuzz/fuzz.h"

namespace headrace {
namespace {

template <class T>
void check_refusal(const Result<T>& result) {
  if (result) return;
  MUST(result.error().code == "bad_answer");
  MUST(!result.error().message.empty() && !result.error().stage.empty());
}

bool is_hex_text(std::string_view text, std::size_t size) {
  return text.size() == size &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

void commit(std::string_view body, bool create_pr) {
  Result<CommitAnswer> answer = parse_commit(body, create_pr);
  check_refusal(answer);
  if (!answer) return;
  MUST(is_hex_text(answer->oid, 40) && answer->url.starts_with("http"));
  MUST(!create_pr || answer->pull_request_number > 0);
}

void preupload(std::string_view body) {
  const PreuploadFile asked[] = {{.path = "a.txt", .sample = {}, .size = 5},
                                 {.path = "empty", .sample = {}, .size = 0},
                                 {.path = "dir/b.bin", .sample = {}, .size = 1000}};
  Result<std::vector<PreuploadAnswer>> answers = parse_preupload(body, asked);
  check_refusal(answers);
  if (!answers) return;
  MUST(answers->size() == 3 && (*answers)[1].mode == UploadMode::regular);
  for (const PreuploadAnswer& answer : *answers) {
    MUST(answer.oid.empty() || is_hex_text(answer.oid, 40) || is_hex_text(answer.oid, 64));
  }
}

void tree(std::string_view body) {
  Result<std::vector<TreeEntry>> page = parse_tree_page(body);
  check_refusal(page);
  if (!page) return;
  for (const TreeEntry& entry : *page) {
    MUST(entry.lfs_oid.empty() || is_hex_text(entry.lfs_oid, 64));
  }
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace headrace;
  std::string_view body = text_of_input(data, size);
  switch (take_byte(body) % 10) {
    case 0:
      commit(body, false);
      break;
    case 1:
      commit(body, true);
      break;
    case 2:
      preupload(body);
      break;
    case 3:
      tree(body);
      break;
    case 4:
      check_refusal(parse_repo_info(body));
      break;
    case 5:
      check_refusal(parse_whoami(body));
      break;
    case 6:
      check_refusal(parse_validate_yaml(body));
      break;
    case 7:
      check_refusal(parse_repo_location(body));
      break;
    case 8:
      check_refusal(parse_discussion_number(body));
      (void)server_message_of(body);
      break;
    default:
      (void)next_page(body);
      (void)completion_error(body);
      Result<RepoId> repo = parse_repo_url(body, "http://127.0.0.1:8080");
      MUST(!repo || !repo->name.empty());
      break;
  }
  return 0;
}
