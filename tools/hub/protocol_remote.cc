// LFS content that lies in a store elsewhere: its URLs in the answers, and the verdict on what
// came.
#include <fmt/format.h>

#include "tools/hub/encoding.h"
#include "tools/hub/json.h"
#include "tools/hub/protocol_request.h"

namespace headrace::hub {
namespace {

// Under the status that a client judges by: what is wrong for good, and what may pass.
Answer store_answer(const Error& error) {
  if (is_code(error, "store_not_found")) return failure_answer(error);
  if (is_code(error, "upload_unknown")) return lfs_error(404, error.message);
  if (is_code(error, "upload_wrong_digest")) return lfs_error(422, error.message);
  bool parts = is_code(error, "bad_part") || is_code(error, "part_too_small");
  std::string text = fmt::format("the store behind this hub: {} ({})", error.message, error.code);
  return lfs_error(parts ? 400 : 503, text);
}

}  // namespace

// The client sends no digest to the store, so verify, which comes next, has to name what was sent.
Protocol::Outcome<Json> Protocol::remote_put(const Request& request, const UploadRecord& wanted,
                                             std::int64_t expires) {
  auto put = remote_->put_url(wanted.id, options_.url_lifetime_s);
  if (!put) return std::unexpected(store_answer(put.error()));
  TransferUrl url{.method = "POST",
                  .repo = wanted.repo,
                  .oid = wanted.oid,
                  .size = wanted.size,
                  .upload = std::string(TransferUrl::put_prefix) + wanted.id,
                  .expires = expires};
  Json upload = action(std::move(*put), expires);
  Json verify = action(signed_url(request, std::move(url)), expires);
  upload["header"] = verify["header"] = Json::object();
  return Json{{"upload", std::move(upload)}, {"verify", std::move(verify)}};
}

Protocol::Outcome<Json> Protocol::remote_parts(const Request& request, const UploadRecord& wanted,
                                               std::int64_t expires) {
  auto upload = remote_->find_or_begin(wanted);
  if (!upload) return std::unexpected(store_answer(upload.error()));
  const UploadRecord& record = upload->record;
  TransferUrl url{.method = "POST",
                  .repo = record.repo,
                  .oid = record.oid,
                  .size = record.size,
                  .upload = record.id,
                  .expires = expires};
  Json completion = action(signed_url(request, std::move(url)), expires);
  completion["header"]["chunk_size"] = std::to_string(record.part_size);
  auto parts = remote_->part_urls(*upload, options_.url_lifetime_s);
  if (!parts) return std::unexpected(store_answer(parts.error()));
  for (std::size_t i = 0; i < parts->size(); ++i) {
    completion["header"][fmt::format("{:05}", i + 1)] = std::move((*parts)[i]);
  }
  return completion;
}

// The same call, sent again, may have been faster; then the object is here.
Answer Protocol::remote_verdict(const TransferUrl& url, const Status& done) {
  bool here = done || (is_code(done.error(), "upload_unknown") && lfs_size(url.repo, url.oid));
  return here ? json_answer(200, "{}") : store_answer(done.error());
}

Answer Protocol::remote_verify(const TransferUrl& url) {
  if (lfs_size(url.repo, url.oid)) return json_answer(200, "{}");
  std::string_view id = url.upload;
  id.remove_prefix(TransferUrl::put_prefix.size());
  return remote_verdict(url, remote_->take_put(url.repo, url.oid, url.size, id));
}

Answer Protocol::remote_complete(Request& request, const TransferUrl& url) {
  auto upload = remote_->find(url.repo, url.oid, url.upload);
  if (!upload) return remote_verdict(url, fail(std::move(upload.error())));
  Json body = parse_json(request.call.body);
  const Json* parts = member(body, "parts");
  std::size_t count = upload->record.part_count();
  if (text_member(body, "oid") != url.oid || parts == nullptr || !parts->is_array() ||
      parts->size() != count) {
    return lfs_error(400, fmt::format("a completion needs 'oid', that of the upload, and its {} "
                                      "'parts'",
                                      count));
  }
  std::vector<std::string> etags;
  for (const Json& part : *parts) {
    auto etag = text_member(part, "etag");
    if (number_member(part, "partNumber") != etags.size() + 1 || !etag) {
      return lfs_error(400, "the parts must be named in the order of their numbers, with ETags");
    }
    etags.push_back(std::move(*etag));
  }
  return remote_verdict(url, remote_->complete(*upload, etags));
}

// Where the content is.
Answer Protocol::remote_content(const RepoId& repo, std::string_view oid) {
  auto url = remote_->download_url(repo, oid, options_.url_lifetime_s);
  if (!url && is_code(url.error(), "store_not_found")) {
    return xml_error(404, "NoSuchKey", "The object does not exist");
  }
  if (!url) return store_answer(url.error());
  Answer answer;
  answer.status = 302;
  answer.headers.set("Location", *url);
  return answer;
}

}  // namespace headrace::hub
