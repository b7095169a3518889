// messages_test.cc: bodies as stores send them, whole, cut short, and made to mislead.
#include "engine/s3/messages.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace headrace {
namespace {

constexpr std::string_view xmlns = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

std::string document(std::string_view name, std::string_view inside) {
  return fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{0} {1}>{2}</{0}>", name, xmlns,
                     inside);
}

const std::string error_document =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InternalError</Code><Message>We "
    "encountered an internal error. Please try again.</Message><RequestId>656c</RequestId>"
    "<HostId>Uuag1LuB</HostId></Error>";

// The code of the error that a parser makes of a body.
template <class Parse>
std::string refusal(const Parse& parse, std::string_view body) {
  auto answer = parse(body);
  return answer ? "accepted" : answer.error().code;
}

template <class Parse>
void check_cuts(const Parse& parse, std::string_view whole) {
  CHECK(refusal(parse, whole) == "accepted");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(refusal(parse, whole.substr(0, size)) == "bad_answer");
  }
}

}  // namespace

TEST_CASE("S3: an error document") {
  const S3ErrorAnswer malformed = parse_s3_error(
      "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is "
      "malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'</Message>"
      "<Region>eu-west-1</Region><RequestId>1</RequestId><HostId>h</HostId></Error>");
  CHECK(malformed.code == "AuthorizationHeaderMalformed");
  CHECK(malformed.region == "eu-west-1");
  CHECK(malformed.request_id == "1");
  CHECK(malformed.host_id == "h");
  const S3ErrorAnswer moved = parse_s3_error(
      "<Error><Code>PermanentRedirect</Code><Message>m</Message>"
      "<Endpoint>b.s3-eu-west-1.amazonaws.com</Endpoint><Bucket>b</Bucket></Error>");
  CHECK(moved.endpoint == "b.s3-eu-west-1.amazonaws.com");
  CHECK(moved.bucket == "b");
  const S3ErrorAnswer sts = parse_s3_error(
      "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender"
      "</Type><Code>InvalidIdentityToken</Code><Message>m</Message></Error>"
      "<RequestId>r</RequestId></ErrorResponse>");
  CHECK(sts.code == "InvalidIdentityToken");
  CHECK(sts.request_id == "r");
  for (const char* none : {"", "{}", "<html><body>502</body></html>", "<Error><Code>A</Code>",
                           "<!DOCTYPE Error [<!ENTITY x \"A\">]><Error><Code>&x;</Code></Error>"}) {
    CAPTURE(none);
    CHECK(parse_s3_error(none).code.empty());
  }
}

TEST_CASE("S3: an upload is begun") {
  const std::string body = document("InitiateMultipartUploadResult",
                                    "<Bucket>b</Bucket><Key>k</Key><UploadId>V+x/=_.~</UploadId>");
  CHECK(parse_created_upload(body).value() == "V+x/=_.~");
  check_cuts(parse_created_upload, body);
  CHECK(refusal(parse_created_upload, document("InitiateMultipartUploadResult", "<Key>k</Key>")) ==
        "bad_answer");
  CHECK(refusal(parse_created_upload, document("ListPartsResult", "<UploadId>1</UploadId>")) ==
        "bad_answer");
  CHECK(refusal(parse_created_upload, error_document) == "store_refused");
}

TEST_CASE("S3: an upload is completed") {
  const std::vector<S3Part> parts = {
      {.number = 1, .size = 5, .etag = "\"a&b\"", .checksum = "rosUhgp5mIg="},
      {.number = 2, .size = 5, .etag = "\"c\"", .checksum = ""}};
  CHECK(complete_body(parts, S3ChecksumKind::crc64nvme, {}) ==
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<Part><ETag>&quot;a&amp;b&quot;</ETag><ChecksumCRC64NVME>rosUhgp5mIg=</ChecksumCRC64NVME>"
        "<PartNumber>1</PartNumber></Part>"
        "<Part><ETag>&quot;c&quot;</ETag><PartNumber>2</PartNumber></Part>"
        "</CompleteMultipartUpload>");
  CHECK_FALSE(complete_body(parts, S3ChecksumKind::crc64nvme, {.parts_listed = false})
                  .contains("Checksum"));

  const std::string body = document(
      "CompleteMultipartUploadResult",
      "<Location>http://h/b/k</Location><Bucket>b</Bucket><Key>k</Key><ETag>&#34;abc-2&#34;</ETag>"
      "<ChecksumCRC64NVME>rosUhgp5mIg=</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT"
      "</ChecksumType>");
  const auto completed = parse_completed(body);
  REQUIRE(completed.has_value());
  CHECK(completed->etag == "\"abc-2\"");
  CHECK(completed->checksum_type == "FULL_OBJECT");
  CHECK(completed->checksum_of(S3ChecksumKind::crc64nvme) == "rosUhgp5mIg=");
  CHECK(completed->checksum_of(S3ChecksumKind::crc32c).empty());
  check_cuts(parse_completed, body);
  CHECK(refusal(parse_completed, document("CompleteMultipartUploadResult", "<Key>k</Key>")) ==
        "bad_answer");
}

TEST_CASE("S3: a completion that holds an error, whatever its status was") {
  // While a store puts parts together it may send blanks, so as to keep the connection.
  const auto refused = parse_completed(error_document);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == "completion_refused");
  CHECK(refused.error().kind == ErrorClass::retry);
  CHECK(refused.error().stage == "complete");
  CHECK(refused.error().request_id == "656c");
  CHECK(refused.error().server_message.starts_with("InternalError: We encountered"));
  CHECK(refusal(parse_completed, "<Error/>") == "completion_refused");
  CHECK(refusal(parse_completed, "") == "bad_answer");
  CHECK(refusal(parse_completed, "  \n") == "bad_answer");
}

TEST_CASE("S3: the parts of an upload, page by page") {
  const std::string body = document(
      "ListPartsResult",
      "<UploadId>u</UploadId><ChecksumAlgorithm>CRC32C</ChecksumAlgorithm>"
      "<ChecksumType>FULL_OBJECT</ChecksumType><NextPartNumberMarker>3</NextPartNumberMarker>"
      "<IsTruncated>true</IsTruncated>"
      "<Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag><Size>5242880</Size>"
      "<ChecksumCRC32C>4waSgw==</ChecksumCRC32C></Part>"
      "<Part><PartNumber>3</PartNumber><ETag>\"b\"</ETag><Size>0</Size></Part>");
  const auto page = parse_part_page(body);
  REQUIRE(page.has_value());
  REQUIRE(page->parts.size() == 2);
  CHECK(page->parts[0].number == 1);
  CHECK(page->parts[0].size == 5242880);
  CHECK(page->parts[0].checksum == "4waSgw==");
  CHECK(page->parts[1].number == 3);
  CHECK(page->parts[1].checksum.empty());
  CHECK(page->kind == S3ChecksumKind::crc32c);
  CHECK(page->truncated);
  CHECK(page->next_number == 3);
  check_cuts(parse_part_page, body);
  const auto part = [](std::string_view inside) {
    return document("ListPartsResult", fmt::format("<Part>{}</Part>", inside));
  };
  for (const char* bad :
       {"", "<PartNumber>0</PartNumber><ETag>a</ETag><Size>1</Size>",
        "<PartNumber>10001</PartNumber><ETag>a</ETag><Size>1</Size>",
        "<PartNumber>x</PartNumber><ETag>a</ETag><Size>1</Size>",
        "<PartNumber>1</PartNumber><Size>1</Size>", "<PartNumber>1</PartNumber><ETag>a</ETag>",
        "<PartNumber>1</PartNumber><ETag>a</ETag><Size>-1</Size>",
        "<PartNumber>1</PartNumber><ETag>a</ETag><Size>18446744073709551616</Size>"}) {
    CAPTURE(bad);
    CHECK(refusal(parse_part_page, part(bad)) == "bad_answer");
  }
  CHECK(refusal(parse_part_page, document("ListPartsResult", "<IsTruncated>true</IsTruncated>")) ==
        "bad_answer");
}

TEST_CASE("S3: unfinished uploads, page by page") {
  const std::string body =
      document("ListMultipartUploadsResult",
               "<Bucket>b</Bucket><KeyMarker/><NextKeyMarker>k&amp;2</NextKeyMarker>"
               "<NextUploadIdMarker>u2</NextUploadIdMarker><IsTruncated>true</IsTruncated>"
               "<Upload><Key>k 1</Key><UploadId>u1</UploadId><Initiated>2026-01-31T12:00:00.000Z"
               "</Initiated></Upload><Upload><Key>k&amp;2</Key><UploadId>u2</UploadId></Upload>");
  const auto page = parse_upload_page(body);
  REQUIRE(page.has_value());
  REQUIRE(page->uploads.size() == 2);
  CHECK(page->uploads[0].key == "k 1");
  CHECK(page->uploads[0].begun_at == 1769860800);
  CHECK(page->uploads[1].upload == "u2");
  CHECK(page->uploads[1].begun_at == 0);
  CHECK(page->truncated);
  CHECK(page->next_key == "k&2");
  CHECK(page->next_upload == "u2");
  check_cuts(parse_upload_page, body);
  CHECK(refusal(parse_upload_page, document("ListMultipartUploadsResult",
                                            "<IsTruncated>true</IsTruncated>")) == "bad_answer");
  CHECK(refusal(parse_upload_page, document("ListMultipartUploadsResult",
                                            "<Upload><Key>k</Key></Upload>")) == "bad_answer");
}

TEST_CASE("S3: a copy inside the store, and an error behind its success") {
  const std::string body = document("CopyObjectResult", "<ETag>\"a\"</ETag>");
  CHECK(parse_copied(body).has_value());
  CHECK(parse_copied("").error().code == "bad_answer");
  CHECK(parse_copied(body.substr(0, body.size() / 2)).error().code == "bad_answer");
  const Error refused =
      parse_copied("<Error><Code>InternalError</Code><Message>m</Message></Error>").error();
  CHECK(refused.code == "store_refused");
  CHECK(refused.server_message == "InternalError: m");
}

TEST_CASE("S3: what a HEAD says of an object") {
  const auto head = parse_s3_head({{"Content-Length", "12"},
                                   {"ETag", "\"a-2\""},
                                   {"x-amz-checksum-type", "COMPOSITE"},
                                   {"x-amz-checksum-sha256", "AAAA-2"},
                                   {"x-amz-checksum-crc32c", ""}});
  REQUIRE(head.has_value());
  CHECK(head->size == 12);
  CHECK(head->etag == "\"a-2\"");
  CHECK(head->checksum_type == "COMPOSITE");
  CHECK(head->checksums.size() == 1);
  CHECK(head->checksums.at(S3ChecksumKind::sha256) == "AAAA-2");
  CHECK(parse_s3_head({{"ETag", "x"}}).error().code == "bad_answer");
  CHECK(parse_s3_head({{"Content-Length", "1x"}}).error().code == "bad_answer");
}

}  // namespace headrace
