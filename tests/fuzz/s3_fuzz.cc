// What comes from a store, from services and programs that hand out keys, and from files of
// settings; the first byte says which.
#include <algorithm>

#include "engine/ini.h"
#include "engine/iso_time.h"
#include "engine/s3/checksum_use.h"
#include "engine/s3/messages.h"
#include "engine/s3/messages_credentials.h"
#include "engine/s3/sigv4.h"
#include "engine/s3/xml.h"
#include "engine/shell_words.h"
#include "tests/fuzz/fuzz.h"

namespace headrace {
namespace {

template <class T>
void check_refusal(const Result<T>& result) {
  if (result) return;
  MUST(!result.error().code.empty() && !result.error().message.empty());
  MUST(!result.error().stage.empty());
}

std::size_t depth_of(const XmlElement& element) {
  std::size_t deepest = 0;
  for (const XmlElement& child : element.children) deepest = std::max(deepest, depth_of(child));
  return deepest + 1;
}

void check_xml(std::string_view body) {
  const std::optional<XmlElement> top = parse_xml(body);
  if (top) MUST(!top->name.empty() && depth_of(*top) <= 32);
  // What a store says first of all is an error, so no answer may read as that and as a success.
  const bool is_error = !parse_s3_error(body).code.empty();
  const Result<S3Completed> completed = parse_completed(body);
  check_refusal(completed);
  MUST(!completed || (!is_error && !completed->etag.empty()));
  const Result<std::string> created = parse_created_upload(body);
  check_refusal(created);
  MUST(!created || (!is_error && !created->empty()));
}

void check_pages(std::string_view body) {
  const Result<S3PartPage> parts = parse_part_page(body);
  check_refusal(parts);
  if (parts) {
    for (const S3Part& part : parts->parts) MUST(part.number >= 1 && part.number <= 10'000);
    // A body made of them is XML, whatever their tags hold.
    const std::string complete = complete_body(parts->parts, S3ChecksumKind::crc64nvme, {});
    const std::optional<XmlElement> read = parse_xml(complete);
    MUST(read && read->children.size() == parts->parts.size());
    MUST(!parts->truncated || parts->next_number > 0);
  }
  const Result<S3UploadPage> uploads = parse_upload_page(body);
  check_refusal(uploads);
  MUST(!uploads || !uploads->truncated || !uploads->next_key.empty());
}

void check_keys(std::string_view body) {
  for (const Result<S3Credentials>& keys :
       {parse_container(body), parse_instance(body), parse_web_identity(body),
        credentials_of_process({.argv = {"p"}, .source = "p"},
                               {.exit_code = 0, .out = std::string(body), .err = ""})}) {
    check_refusal(keys);
    MUST(!keys || (!keys->access_key_id.empty() && !keys->secret_access_key.empty()));
  }
}

void check_ini(std::string_view text) {
  const Result<std::vector<IniSection>> sections = parse_ini(text);
  check_refusal(sections);
  if (!sections) return;
  for (const IniSection& section : *sections) {
    for (const auto& [name, value] : section.options) {
      MUST(!name.empty());
      check_refusal(nested_options(value));
    }
  }
}

void check_memory(std::string_view file) {
  const std::string next = remember_checksums(file, "http://a", {.whole = false}, 1'000'000);
  const std::optional<S3ChecksumUse> found = remembered_checksums(next, "http://a", 1'000'001);
  MUST(found && !found->whole && found->declared);
  // What was remembered of others still is, and adding it again changes nothing.
  MUST(remember_checksums(next, "http://a", {.whole = false}, 1'000'000) == next);
}

void check_signature(std::string_view target) {
  Result<Url> url = Url::parse("https://h");
  MUST(url.has_value());
  url->target = "/" + std::string(target);
  S3Credentials credentials;
  credentials.access_key_id = "A";
  credentials.secret_access_key = "S";
  Headers headers;
  sign_headers({.credentials = credentials, .region = "r", .now = 0}, "PUT", *url, payload_unsigned,
               headers);
  MUST(headers.size() == 3);
}

}  // namespace
}  // namespace headrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace headrace;
  std::string_view body = text_of_input(data, size);
  switch (take_byte(body) % 8) {
    case 0:
      check_xml(body);
      break;
    case 1:
      check_pages(body);
      break;
    case 2:
      check_keys(body);
      break;
    case 3:
      check_ini(body);
      break;
    case 4:
      (void)split_words(body);
      (void)parse_iso_time(body);
      break;
    case 5:
      check_memory(body);
      break;
    case 6:
      check_signature(body);
      break;
    default:
      MUST(parse_xml("<A>" + xml_escaped("x") + "</A>").has_value());
      for (S3ChecksumKind kind : s3_checksum_kinds) {
        const std::optional<DigestValue> value = checksum_value(kind, body);
        MUST(!value || checksum_text(*value) == body);
      }
      break;
  }
  return 0;
}
