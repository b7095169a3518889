#include "bench/sink_s3.h"

#include <fmt/format.h>

namespace {

constexpr std::string_view xml = "application/xml";
constexpr std::string_view name_space = "http://s3.amazonaws.com/doc/2006-03-01/";

struct S3Name {
  std::string_view bucket;
  std::string_view key;
};
// Of "/bucket/key?query".
S3Name s3_name_of(std::string_view target) {
  std::string_view path = target.substr(1, target.find('?') - 1);
  std::size_t slash = path.find('/');
  if (slash == path.npos) return {path, {}};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

std::optional<SinkAnswer> s3_answer_of(std::string_view method, std::string_view target) {
  std::size_t question = target.find('?');
  if (method != "POST" || question == target.npos) return std::nullopt;
  std::string_view query = target.substr(question + 1);
  S3Name name = s3_name_of(target);
  SinkAnswer answer;
  answer.type = xml;
  if (query == "uploads" || query == "uploads=") {
    answer.body = fmt::format(
        "<InitiateMultipartUploadResult xmlns=\"{}\"><Bucket>{}</Bucket><Key>{}</Key>"
        "<UploadId>sink</UploadId></InitiateMultipartUploadResult>",
        name_space, name.bucket, name.key);
    return answer;
  }
  if (!query.starts_with("uploadId=")) return std::nullopt;
  answer.body = fmt::format(
      "<CompleteMultipartUploadResult xmlns=\"{}\"><Location>/{}/{}</Location><Bucket>{}</Bucket>"
      "<Key>{}</Key><ETag>&quot;0-1&quot;</ETag></CompleteMultipartUploadResult>",
      name_space, name.bucket, name.key, name.bucket, name.key);
  return answer;
}
