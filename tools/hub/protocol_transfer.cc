// The URLs that a batch gives out: parts, completion, single PUT, verify, download. They carry
// their own right in a signature over method, repository, object, size, upload, part and expiry, so
// that no token travels with the bytes.
#include <fmt/format.h>

#include "tools/hub/encoding.h"
#include "tools/hub/json.h"
#include "tools/hub/protocol_request.h"

namespace headrace::hub {
namespace {

std::uint64_t number_in(const Target& target, std::string_view name) {
  return parse_number(target.find(name).value_or("")).value_or(0);
}

Answer etag_answer(std::string_view etag) {
  Answer answer;
  answer.headers.set("ETag", etag);
  return answer;
}

// The text of what went wrong, under the status a client judges by.
Answer upload_answer(const Error& error) {
  if (is_code(error, "upload_wrong_size")) return xml_error(400, "BadDigest", error.message);
  if (is_code(error, "upload_part_missing")) return lfs_error(400, error.message);
  if (is_code(error, "upload_wrong_digest")) return lfs_error(422, error.message);
  return failure_answer(error);
}

// Bytes of something that is here already: counted and forgotten.
class DiscardReceiver final : public Receiver {
 public:
  DiscardReceiver(std::uint64_t size, std::string etag) : left_(size), etag_(std::move(etag)) {}
  Status write(std::span<const std::byte> bytes) override {
    if (bytes.size() > left_) {
      too_long_ = true;
      return fail(make_error(ErrorClass::fail, "upload_wrong_size", "the body is too long"));
    }
    left_ -= bytes.size();
    return {};
  }
  Answer finish() override {
    if (left_ > 0 || too_long_) return xml_error(400, "BadDigest", "the body has a wrong size");
    return etag_answer(etag_);
  }

 private:
  std::uint64_t left_;
  bool too_long_ = false;
  std::string etag_;
};

}  // namespace

class PartReceiver final : public Receiver {
 public:
  PartReceiver(std::unique_ptr<PartWriter> writer, std::string etag)
      : writer_(std::move(writer)), etag_(std::move(etag)) {}
  Status write(std::span<const std::byte> bytes) override {
    if (!state_) return state_;
    state_ = writer_->write(bytes);
    return state_;
  }
  Answer finish() override {
    if (state_) state_ = writer_->finish();
    return state_ ? etag_answer(etag_) : upload_answer(state_.error());
  }

 private:
  std::unique_ptr<PartWriter> writer_;
  std::string etag_;
  Status state_;
};

// A whole object in one PUT; hashed while it comes.
class ObjectReceiver final : public Receiver {
 public:
  ObjectReceiver(Store& store, Protocol::TransferUrl url, std::unique_ptr<Scratch> scratch)
      : store_(store), url_(std::move(url)), scratch_(std::move(scratch)) {}

  Status write(std::span<const std::byte> bytes) override {
    if (!state_) return state_;
    if (received_ + bytes.size() > url_.size) {
      state_ = fail(make_error(ErrorClass::fail, "upload_wrong_size", "the body is too long"));
      return state_;
    }
    digest_.update(bytes);
    state_ = scratch_->write(received_, bytes);
    received_ += bytes.size();
    return state_;
  }

  Answer finish() override {
    if (state_ && received_ != url_.size) {
      state_ = fail(make_error(
          ErrorClass::fail, "upload_wrong_size",
          fmt::format("the body has {} bytes and should have {}", received_, url_.size)));
    }
    if (!state_) return upload_answer(state_.error());
    std::string found = digest_.finish_hex();
    if (found != url_.oid) {
      return upload_answer(make_error(
          ErrorClass::fail, "upload_wrong_digest",
          fmt::format("the SHA-256 of the body is {} and not the oid {}", found, url_.oid)));
    }
    state_ = store_.publish(url_.repo, url_.oid, url_.size, *scratch_);
    return state_ ? etag_answer(fmt::format("\"{}\"", url_.oid)) : upload_answer(state_.error());
  }

 private:
  Store& store_;
  const Protocol::TransferUrl url_;
  std::unique_ptr<Scratch> scratch_;
  Digest digest_{Digest::Kind::sha256};
  std::uint64_t received_ = 0;
  Status state_;
};

namespace {
std::string text_to_sign(std::string_view method, const RepoId& repo, std::string_view oid,
                         std::uint64_t size, std::string_view upload, std::uint64_t part,
                         std::int64_t expires) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", method, repo.type, repo.name, oid, size,
                     upload, part, expires);
}
}  // namespace

std::string Protocol::signed_url(const Request& request, TransferUrl url) const {
  std::string signature = hmac_sha256_hex(
      options_.secret,
      text_to_sign(url.method, url.repo, url.oid, url.size, url.upload, url.part, url.expires));
  std::string text = fmt::format("{}/_lfs/{}s/{}/{}?size={}", request.call.origin, url.repo.type,
                                 url.repo.name, url.oid, url.size);
  if (!url.upload.empty()) text += fmt::format("&upload={}", url.upload);
  if (url.part > 0) text += fmt::format("&part={}", url.part);
  return text + fmt::format("&expires={}&signature={}", url.expires, signature);
}

Protocol::Outcome<Protocol::TransferUrl> Protocol::check_url(const Request& request) const {
  const Target& target = request.target;
  if (target.segments.size() != 5) return std::unexpected(xml_error(404, "NoSuchKey", "no object"));
  std::string_view method = request.call.method;
  TransferUrl url{.method = std::string(method == "HEAD" ? "GET" : method),
                  .repo = {.type = std::string(type_of_segment(target.segments[1])),
                           .name = target.segments[2] + "/" + target.segments[3]},
                  .oid = target.segments[4],
                  .size = number_in(target, "size"),
                  .upload = std::string(target.find("upload").value_or("")),
                  .part = number_in(target, "part"),
                  .expires = static_cast<std::int64_t>(number_in(target, "expires"))};
  std::string signature = hmac_sha256_hex(
      options_.secret,
      text_to_sign(url.method, url.repo, url.oid, url.size, url.upload, url.part, url.expires));
  if (!equal_secret(signature, target.find("signature").value_or(""))) {
    return std::unexpected(
        xml_error(403, "SignatureDoesNotMatch", "The signature does not fit this request"));
  }
  if (options_.now() > url.expires) {
    return std::unexpected(xml_error(403, "AccessDenied", "Request has expired"));
  }
  return url;
}

Result<std::uint64_t> Protocol::lfs_size(const RepoId& repo, std::string_view oid) {
  return remote_ ? remote_->size(repo, oid) : store_.lfs_size(repo, oid);
}

std::string Protocol::part_etag(std::string_view upload, std::uint64_t number) const {
  std::string tag = hmac_sha256_hex(options_.secret, fmt::format("etag\n{}\n{}", upload, number));
  return fmt::format("\"{}\"", tag.substr(0, 32));
}

Protocol::Received Protocol::receive_transfer(Request& request) {
  auto url = check_url(request);
  if (!url) return std::move(url.error());
  auto upload = url->upload.empty() ? nullptr : uploads_.find(url->upload);
  std::uint64_t size = url->size;
  if (!url->upload.empty()) {
    if (url->part == 0) return xml_error(400, "InvalidArgument", "a part number is missing");
    // The size of a part is known as long as its upload is; afterwards the field says it.
    if (upload && url->part > upload->record().part_count()) {
      return xml_error(400, "InvalidArgument", "there is no such part");
    }
    size = upload ? upload->part_bytes(url->part - 1) : url->size;
  }
  auto length = request.call.headers.find("Content-Length");
  bool stored = lfs_size(url->repo, url->oid).has_value();
  if (!url->upload.empty() && !upload && !stored) {
    return xml_error(404, "NoSuchUpload", "The upload is not known any more: ask for a new one");
  }
  if (length && (!stored || upload) && parse_number(*length) != size) {
    return xml_error(400, "BadDigest",
                     fmt::format("the body has {} bytes and should have {}", *length, size));
  }
  std::string etag =
      url->upload.empty() ? fmt::format("\"{}\"", url->oid) : part_etag(url->upload, url->part);
  if (stored) {
    std::uint64_t expected = length ? parse_number(*length).value_or(0) : size;
    return std::make_unique<DiscardReceiver>(expected, std::move(etag));
  }
  if (url->upload.empty()) {
    if (auto record = store_.document(url->repo, "record"); !record) {
      return failure_answer(record.error());
    }
    auto scratch = store_.scratch();
    if (!scratch) return failure_answer(scratch.error());
    return std::make_unique<ObjectReceiver>(store_, std::move(*url), std::move(*scratch));
  }
  auto writer = Upload::begin_part(std::move(upload), url->part - 1);
  if (!writer) return failure_answer(writer.error());
  return std::make_unique<PartReceiver>(std::move(*writer), std::move(etag));
}

Answer Protocol::transfer(Request& request) {
  auto url = check_url(request);
  if (!url) return std::move(url.error());
  if (url->method == "POST" && (url->upload.empty() || url->is_put())) {
    return verify(request, *url);
  }
  if (url->method == "POST") return complete_upload(request, *url);
  if (url->method != "GET") return error_answer(405, "this URL is for another method");
  if (remote_) return remote_content(url->repo, url->oid);
  auto content = store_.lfs_object(url->repo, url->oid);
  if (!content) return xml_error(404, "NoSuchKey", "The object does not exist");
  Answer answer;
  answer.headers.set("Content-Type", "application/octet-stream");
  if (request.call.method == "HEAD") {
    answer.headers.set("Content-Length", std::to_string((*content)->size()));
    return answer;
  }
  answer.content_size = (*content)->size();
  answer.content = std::move(*content);
  return answer;
}

Answer Protocol::complete_upload(Request& request, const TransferUrl& url) {
  // The answer to an earlier completion may have been lost.
  if (lfs_size(url.repo, url.oid)) return json_answer(200, "{}");
  if (remote_) return remote_complete(request, url);
  auto upload = uploads_.find(url.upload);
  if (!upload) return lfs_error(404, "the upload is not known any more: ask for a new one");
  Json body = parse_json(request.call.body);
  const Json* parts = member(body, "parts");
  if (text_member(body, "oid") != url.oid || parts == nullptr || !parts->is_array()) {
    return lfs_error(400, "a completion needs 'oid', that of the upload, and 'parts'");
  }
  if (parts->size() != upload->record().part_count()) {
    return lfs_error(400, fmt::format("{} parts are named and the upload has {}", parts->size(),
                                      upload->record().part_count()));
  }
  for (std::size_t i = 0; i < parts->size(); ++i) {
    const Json& part = (*parts)[i];
    if (number_member(part, "partNumber") != i + 1) {
      return lfs_error(400, "the parts must be named in the order of their numbers");
    }
    if (text_member(part, "etag") != part_etag(url.upload, i + 1)) {
      return lfs_error(400, fmt::format("the ETag of part {} is not the one that its PUT was "
                                        "answered with",
                                        i + 1));
    }
  }
  auto done = upload->complete();
  if (!done) {
    // Which part is wrong is not known, so all of them are sent again under a new upload.
    if (is_code(done.error(), "upload_wrong_digest")) uploads_.remove(url.upload);
    return upload_answer(done.error());
  }
  uploads_.remove(url.upload);
  return json_answer(200, "{}");
}

}  // namespace headrace::hub
