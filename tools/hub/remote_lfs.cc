#include "tools/hub/remote_lfs.h"

#include <fmt/format.h>

#include "tools/hub/encoding.h"
#include "tools/hub/json.h"
#include "tools/hub/uploads.h"

namespace headrace::hub {
namespace {

std::string object_name(std::string_view oid) { return fmt::format("lfs/{}", oid); }
std::string upload_name(std::string_view oid) { return fmt::format("uploads/{}", oid); }

std::string object_key(std::string_view oid, std::string_view id) {
  return fmt::format("objects/{}/{}/{}/{}", oid.substr(0, 2), oid.substr(2, 2), oid, id);
}
std::string put_key(std::string_view id) { return fmt::format("incoming/{}", id); }

Error unknown_upload() {
  return make_error(ErrorClass::fail, "upload_unknown",
                    "the upload is not known any more: ask for a new one");
}

std::string upload_text(const RemoteLfs::Upload& upload) {
  return dump_json({{"id", upload.record.id},
                    {"size", upload.record.size},
                    {"partSize", upload.record.part_size},
                    {"createdAt", upload.record.created_at},
                    {"key", upload.key},
                    {"storeId", upload.store_id}});
}

bool goes_on(const UploadRecord& found, const UploadRecord& fresh) {
  return fresh.created_at - found.created_at < upload_lifetime_s && found.size == fresh.size;
}

}  // namespace

Result<RemoteLfs::Kept> RemoteLfs::kept(const RepoId& repo, std::string_view oid) {
  if (!is_hex(oid, 64, 64)) return fail(make_error(ErrorClass::fail, "store_not_found", "no oid"));
  Result<std::string> text = store_.document(repo, object_name(oid));
  if (!text) return fail(std::move(text.error()));
  Json json = parse_json(*text);
  return Kept{.size = number_member(json, "size").value_or(0),
              .key = text_member(json, "key").value_or("")};
}

Result<std::uint64_t> RemoteLfs::size(const RepoId& repo, std::string_view oid) {
  Result<Kept> found = kept(repo, oid);
  if (!found) return fail(std::move(found.error()));
  return found->size;
}

Result<std::string> RemoteLfs::download_url(const RepoId& repo, std::string_view oid,
                                            std::int64_t lifetime_s) {
  Result<Kept> found = kept(repo, oid);
  if (!found) return fail(std::move(found.error()));
  return objects_.url("GET", found->key, lifetime_s);
}

Result<RemoteContent> RemoteLfs::check(const std::string& key, std::string_view oid,
                                       std::uint64_t size) {
  Result<RemoteContent> content = objects_.read(key);
  if (!content && content.error().code == "no_such_key") return fail(unknown_upload());
  if (!content) return fail(std::move(content.error()));
  if (content->size == size && content->sha256 == oid) return content;
  (void)objects_.remove(key);
  return fail(make_error(ErrorClass::fail, "upload_wrong_digest",
                         fmt::format("the store has {} bytes whose SHA-256 is {}, and not {} of {}",
                                     content->size, content->sha256, size, oid)));
}

// --- in one piece ---

Result<std::string> RemoteLfs::put_url(std::string_view id, std::int64_t lifetime_s) {
  return objects_.url("PUT", put_key(id), lifetime_s);
}

Status RemoteLfs::take_put(const RepoId& repo, std::string_view oid, std::uint64_t size,
                           std::string_view id) {
  std::string aside = put_key(id), key = object_key(oid, id);
  Result<RemoteContent> content = check(aside, oid, size);
  if (!content) return fail(std::move(content.error()));
  Status copied = objects_.copy(aside, content->etag, key);
  if (!copied && copied.error().code == "no_such_key") return fail(unknown_upload());
  if (!copied) return copied;
  Status noted =
      store_.set_document(repo, object_name(oid), dump_json({{"size", size}, {"key", key}}));
  // In this order: who finds nothing aside any more finds the object.
  if (noted) (void)objects_.remove(aside);
  return noted;
}

// --- in parts ---

Result<RemoteLfs::Upload> RemoteLfs::under_way(const RepoId& repo, std::string_view oid) {
  Result<std::string> text = store_.document(repo, upload_name(oid));
  if (!text) return fail(unknown_upload());
  Json json = parse_json(*text);
  Upload upload{.record = {.id = text_member(json, "id").value_or(""),
                           .repo = repo,
                           .oid = std::string(oid),
                           .size = number_member(json, "size").value_or(0),
                           .part_size = number_member(json, "partSize").value_or(0)},
                .key = text_member(json, "key").value_or(""),
                .store_id = text_member(json, "storeId").value_or("")};
  upload.record.created_at =
      static_cast<std::int64_t>(number_member(json, "createdAt").value_or(0));
  if (upload.record.id.empty() || upload.record.part_size == 0) return fail(unknown_upload());
  return upload;
}

// Unless another one has taken its place.
Status RemoteLfs::forget(const UploadRecord& record) {
  std::scoped_lock lock(records_mutex_);
  Result<Upload> found = under_way(record.repo, record.oid);
  if (!found || found->record.id != record.id) return {};
  return store_.set_document(record.repo, upload_name(record.oid), "{}");
}

// Two that begin at once both have one in the store, and one of them stays.
Result<RemoteLfs::Upload> RemoteLfs::find_or_begin(const UploadRecord& fresh) {
  Result<Upload> found = under_way(fresh.repo, fresh.oid);
  if (found && goes_on(found->record, fresh)) return found;
  Upload ours{.record = fresh, .key = object_key(fresh.oid, fresh.id), .store_id = {}};
  Result<std::string> begun = objects_.begin(ours.key);
  if (!begun) return fail(std::move(begun.error()));
  ours.store_id = std::move(*begun);
  std::optional<Upload> surplus;
  Result<Upload> chosen = record(ours, surplus);
  if (surplus) (void)objects_.abort(surplus->key, surplus->store_id);
  return chosen;
}

Result<RemoteLfs::Upload> RemoteLfs::record(const Upload& ours, std::optional<Upload>& surplus) {
  std::scoped_lock lock(records_mutex_);
  const UploadRecord& fresh = ours.record;
  Result<Upload> found = under_way(fresh.repo, fresh.oid);
  surplus = ours;
  if (found && goes_on(found->record, fresh)) return found;
  Status noted = store_.set_document(fresh.repo, upload_name(fresh.oid), upload_text(ours));
  if (!noted) return fail(std::move(noted.error()));
  surplus.reset();
  if (found) surplus = std::move(*found);
  return ours;
}

Result<std::vector<std::string>> RemoteLfs::part_urls(const Upload& upload,
                                                      std::int64_t lifetime_s) {
  return objects_.part_urls(upload.key, upload.store_id, upload.record.part_count(), lifetime_s);
}

Result<RemoteLfs::Upload> RemoteLfs::find(const RepoId& repo, std::string_view oid,
                                          std::string_view id) {
  Result<Upload> found = under_way(repo, oid);
  if (found && found->record.id != id) return fail(unknown_upload());
  return found;
}

Status RemoteLfs::complete(const Upload& upload, std::span<const std::string> etags) {
  const UploadRecord& record = upload.record;
  Status done = objects_.complete(upload.key, upload.store_id, etags);
  // The answer to an earlier completion may have been lost; then the object is there.
  if (!done && done.error().code != "no_such_upload") return done;
  Result<RemoteContent> content = check(upload.key, record.oid, record.size);
  if (!content) {
    // Which part is wrong is not known, so all of them are sent again under a new upload.
    bool over = content.error().code == "upload_wrong_digest" || !done;
    if (over) (void)forget(record);
    return fail(std::move(content.error()));
  }
  Status noted = store_.set_document(record.repo, object_name(record.oid),
                                     dump_json({{"size", record.size}, {"key", upload.key}}));
  if (!noted) return noted;
  return forget(record);
}

}  // namespace headrace::hub
