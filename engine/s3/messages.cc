#include "engine/s3/messages.h"

#include <charconv>

#include <fmt/format.h>

#include "engine/iso_time.h"
#include "engine/s3/xml.h"

namespace headrace {
namespace {

constexpr std::string_view stage_create = "create_upload";
constexpr std::string_view stage_complete = "complete";
constexpr std::string_view stage_parts = "list_parts";
constexpr std::string_view stage_uploads = "list_uploads";
constexpr std::string_view stage_head = "head";
constexpr std::string_view stage_copy = "copy";

Error bad_answer_of_store(std::string_view call, std::string_view what) {
  return make_error(ErrorClass::fail, "bad_answer",
                    fmt::format("the answer to {} cannot be used: {}", call, what))
      .at(call)
      .hinting(
          "look whether the endpoint is a store that speaks S3, or something in between "
          "changed the answer");
}

std::string_view code_of(std::string_view call) {
  if (call == stage_complete) return "completion_refused";
  return "store_refused";
}

// What the store said.
Error said_instead(std::string_view call, const S3ErrorAnswer& said) {
  Error error = make_error(ErrorClass::retry, code_of(call),
                           fmt::format("the answer to {} is a success that holds an error: {}",
                                       call, said.code.empty() ? "without a code" : said.code))
                    .at(call)
                    .hinting("run the same command again");
  error.server_message = redact_text(fmt::format("{}: {}", said.code, said.message), 500);
  error.request_id = redact_text(said.request_id, 200);
  return error;
}

// The outermost element, which has the name of the answer that was asked for.
Result<XmlElement> answer_named(std::string_view call, std::string_view name,
                                std::string_view body) {
  std::optional<XmlElement> top = parse_xml(body);
  if (!top) {
    return fail(bad_answer_of_store(call, body.empty() ? "it is empty" : "it is not whole XML"));
  }
  if (top->name == name) return std::move(*top);
  if (top->name == "Error") {
    return fail(said_instead(call, parse_s3_error(body)));
  }
  return fail(bad_answer_of_store(call, fmt::format("it is a {} and no {}", top->name, name)));
}

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, errc] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (errc != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

S3Checksums checksums_of(const XmlElement& element) {
  S3Checksums found;
  for (S3ChecksumKind kind : s3_checksum_kinds) {
    if (std::string_view text = element.text_of(checksum_element(kind)); !text.empty()) {
      found[kind] = text;
    }
  }
  return found;
}

Result<S3Part> part_of(const XmlElement& element, std::optional<S3ChecksumKind>& kind) {
  const auto number = number_in(element.text_of("PartNumber"));
  const auto size = number_in(element.text_of("Size"));
  if (!number || *number < 1 || *number > 10'000) {
    return fail(bad_answer_of_store(stage_parts, "a part has no number from 1 to 10,000"));
  }
  if (!size) return fail(bad_answer_of_store(stage_parts, "a part has no size"));
  S3Part part{.number = static_cast<std::uint32_t>(*number),
              .size = *size,
              .etag = std::string(element.text_of("ETag")),
              .checksum = {}};
  if (part.etag.empty()) return fail(bad_answer_of_store(stage_parts, "a part has no ETag"));
  const S3Checksums checksums = checksums_of(element);
  if (!checksums.empty()) {
    kind = checksums.begin()->first;
    part.checksum = checksums.begin()->second;
  }
  return part;
}

}  // namespace

S3ErrorAnswer parse_s3_error(std::string_view body) {
  S3ErrorAnswer answer;
  const std::optional<XmlElement> top = parse_xml(body);
  if (!top) return answer;
  // The token service wraps its error in an ErrorResponse.
  const XmlElement* error = top->name == "Error" ? &*top : top->child("Error");
  if (error == nullptr) return answer;
  answer.code = error->text_of("Code");
  answer.message = error->text_of("Message");
  answer.request_id = error->text_of("RequestId");
  if (answer.request_id.empty()) answer.request_id = top->text_of("RequestId");
  answer.host_id = error->text_of("HostId");
  answer.region = error->text_of("Region");
  answer.endpoint = error->text_of("Endpoint");
  answer.bucket = error->text_of("Bucket");
  if (answer.bucket.empty()) answer.bucket = error->text_of("BucketName");
  return answer;
}

Result<std::string> parse_created_upload(std::string_view body) {
  Result<XmlElement> answer = answer_named(stage_create, "InitiateMultipartUploadResult", body);
  if (!answer) return fail(std::move(answer.error()));
  std::string upload(answer->text_of("UploadId"));
  if (upload.empty()) return fail(bad_answer_of_store(stage_create, "'UploadId' is missing"));
  return upload;
}

std::string complete_body(std::span<const S3Part> parts, S3ChecksumKind kind,
                          const S3ChecksumUse& use) {
  std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  const std::string_view element = checksum_element(kind);
  for (const S3Part& part : parts) {
    body += fmt::format("<Part><ETag>{}</ETag>", xml_escaped(part.etag));
    if (use.parts_listed && !part.checksum.empty()) {
      body += fmt::format("<{0}>{1}</{0}>", element, xml_escaped(part.checksum));
    }
    body += fmt::format("<PartNumber>{}</PartNumber></Part>", part.number);
  }
  return body + "</CompleteMultipartUpload>";
}

std::string S3Completed::checksum_of(S3ChecksumKind kind) const {
  const auto found = checksums.find(kind);
  return found == checksums.end() ? std::string() : found->second;
}

Result<S3Completed> parse_completed(std::string_view body) {
  Result<XmlElement> answer = answer_named(stage_complete, "CompleteMultipartUploadResult", body);
  if (!answer) return fail(std::move(answer.error()));
  S3Completed completed{.etag = std::string(answer->text_of("ETag")),
                        .checksum_type = std::string(answer->text_of("ChecksumType")),
                        .checksums = checksums_of(*answer)};
  if (completed.etag.empty()) {
    return fail(bad_answer_of_store(stage_complete, "'ETag' is missing"));
  }
  return completed;
}

Result<S3PartPage> parse_part_page(std::string_view body) {
  Result<XmlElement> answer = answer_named(stage_parts, "ListPartsResult", body);
  if (!answer) return fail(std::move(answer.error()));
  S3PartPage page;
  page.checksum_type = answer->text_of("ChecksumType");
  for (const XmlElement& element : answer->children) {
    if (element.name != "Part") continue;
    Result<S3Part> part = part_of(element, page.kind);
    if (!part) return fail(std::move(part.error()));
    page.parts.push_back(std::move(*part));
  }
  page.truncated = answer->text_of("IsTruncated") == "true";
  if (!page.truncated) return page;
  const auto next = number_in(answer->text_of("NextPartNumberMarker"));
  if (!next || *next < 1 || *next > 10'000) {
    return fail(bad_answer_of_store(stage_parts, "there are more, and no number to go on from"));
  }
  page.next_number = static_cast<std::uint32_t>(*next);
  return page;
}

Result<S3UploadPage> parse_upload_page(std::string_view body) {
  Result<XmlElement> answer = answer_named(stage_uploads, "ListMultipartUploadsResult", body);
  if (!answer) return fail(std::move(answer.error()));
  S3UploadPage page;
  for (const XmlElement& element : answer->children) {
    if (element.name != "Upload") continue;
    S3Upload upload{.key = std::string(element.text_of("Key")),
                    .upload = std::string(element.text_of("UploadId")),
                    .begun_at = parse_iso_time(element.text_of("Initiated")).value_or(0)};
    if (upload.key.empty() || upload.upload.empty()) {
      return fail(bad_answer_of_store(stage_uploads, "an upload has no key or no id"));
    }
    page.uploads.push_back(std::move(upload));
  }
  page.truncated = answer->text_of("IsTruncated") == "true";
  page.next_key = answer->text_of("NextKeyMarker");
  page.next_upload = answer->text_of("NextUploadIdMarker");
  if (page.truncated && page.next_key.empty()) {
    return fail(bad_answer_of_store(stage_uploads, "there are more, and no key to go on from"));
  }
  return page;
}

Status parse_copied(std::string_view body) {
  Result<XmlElement> answer = answer_named(stage_copy, "CopyObjectResult", body);
  if (!answer) return fail(std::move(answer.error()));
  return {};
}

Result<S3Head> parse_s3_head(const Headers& headers) {
  S3Head head{.size = 0,
              .etag = std::string(headers.value_or("etag", "")),
              .checksum_type = std::string(headers.value_or("x-amz-checksum-type", "")),
              .checksums = checksums_in(headers)};
  const auto size = number_in(headers.value_or("content-length", ""));
  if (!size) return fail(bad_answer_of_store(stage_head, "it says no length"));
  head.size = *size;
  return head;
}

S3Checksums checksums_in(const Headers& headers) {
  S3Checksums found;
  for (S3ChecksumKind kind : s3_checksum_kinds) {
    if (auto text = headers.find(checksum_field(kind)); text && !text->empty()) {
      found[kind] = *text;
    }
  }
  return found;
}

}  // namespace headrace
