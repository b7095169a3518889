#include "tools/hub/uploads.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "io/check.h"

namespace headrace::hub {
namespace {
// Read back in pieces that stay in the second-level cache until they are hashed.
constexpr std::size_t hash_step_bytes = std::size_t{256} << 10;

Error upload_error(std::string_view code, std::string_view message) {
  return make_error(ErrorClass::fail, code, message);
}
}  // namespace

Upload::Upload(Store& store, UploadRecord record, std::shared_ptr<Scratch> scratch,
               std::vector<bool> received)
    : store_(store),
      record_(std::move(record)),
      scratch_(std::move(scratch)),
      parts_(record_.part_count()) {
  for (std::size_t i = 0; i < parts_.size() && i < received.size(); ++i) {
    parts_[i].received = received[i];
  }
}

std::uint64_t Upload::part_bytes(std::size_t index) const {
  return std::min(record_.part_size, record_.size - index * record_.part_size);
}

Result<std::unique_ptr<PartWriter>> Upload::begin_part(std::shared_ptr<Upload> upload,
                                                       std::size_t index) {
  CHECK(index < upload->parts_.size());
  {
    std::unique_lock state(upload->state_mutex_);
    Part& part = upload->parts_[index];
    if (!part.received && part.owner == nullptr && !upload->sealed_) {
      auto writer = std::make_unique<PartWriter>(upload, index, nullptr);
      part.owner = writer.get();
      return writer;
    }
  }
  auto side = upload->store_.scratch();
  if (!side) return fail(std::move(side.error()));
  return std::make_unique<PartWriter>(std::move(upload), index, std::move(*side));
}

Status Upload::keep_side_copy(std::size_t index, Scratch& side) {
  std::unique_lock hashing(hash_mutex_);
  std::unique_lock state(state_mutex_);
  if (sealed_) return {};
  Part& part = parts_[index];
  std::vector<std::byte> sent(hash_step_bytes), kept(hash_step_bytes);
  std::uint64_t base = index * record_.part_size, size = part_bytes(index);
  bool differs = !part.received;
  for (std::uint64_t done = 0; done < size;) {
    std::size_t step = std::min<std::uint64_t>(hash_step_bytes, size - done);
    std::span<std::byte> piece(sent.data(), step), old(kept.data(), step);
    if (auto read = side.read(done, piece); !read) return read;
    bool same = false;
    if (part.received) {
      if (auto read = scratch_->read(base + done, old); !read) return read;
      same = std::ranges::equal(piece, old);
    }
    if (!same) {
      differs = true;
      if (auto written = scratch_->write(base + done, piece); !written) return written;
    }
    done += step;
  }
  part.owner = nullptr;
  part.received = true;
  if (differs && index < hashed_) {
    digest_ = Digest(Digest::Kind::sha256);
    hashed_ = 0;
  }
  return scratch_->mark_part(index, true);
}

Status Upload::hash_part(std::size_t index) {
  std::vector<std::byte> bytes(hash_step_bytes);
  std::uint64_t base = index * record_.part_size, size = part_bytes(index);
  for (std::uint64_t done = 0; done < size;) {
    std::size_t step = std::min<std::uint64_t>(hash_step_bytes, size - done);
    std::span<std::byte> piece(bytes.data(), step);
    if (auto read = scratch_->read(base + done, piece); !read) return read;
    digest_.update(piece);
    done += step;
  }
  ++hashed_;
  return {};
}

void Upload::hash_prefix() {
  // Whoever finds another at it leaves the rest to that one, or to complete().
  std::unique_lock hashing(hash_mutex_, std::try_to_lock);
  while (hashing) {
    {
      std::shared_lock state(state_mutex_);
      if (sealed_ || hashed_ == parts_.size() || !parts_[hashed_].received) return;
    }
    if (!hash_part(hashed_)) {
      digest_ = Digest(Digest::Kind::sha256);
      hashed_ = 0;
      return;
    }
  }
}

Status Upload::complete() {
  std::unique_lock hashing(hash_mutex_);
  if (published_) return {};
  {
    std::unique_lock state(state_mutex_);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (parts_[i].received) continue;
      return fail(upload_error("upload_part_missing",
                               fmt::format("part {} of {} has not arrived", i + 1, parts_.size())));
    }
    sealed_ = true;
  }
  while (hashed_ < parts_.size()) {
    if (auto hashed = hash_part(hashed_); !hashed) return hashed;
  }
  std::string found = std::exchange(digest_, Digest(Digest::Kind::sha256)).finish_hex();
  hashed_ = 0;
  if (found != record_.oid) {
    return fail(upload_error(
        "upload_wrong_digest",
        fmt::format("the SHA-256 of the parts is {} and not the oid {}", found, record_.oid)));
  }
  if (auto kept = store_.publish(record_.repo, record_.oid, record_.size, *scratch_); !kept) {
    return kept;
  }
  published_ = true;
  return {};
}

PartWriter::PartWriter(std::shared_ptr<Upload> upload, std::size_t index,
                       std::unique_ptr<Scratch> side)
    : upload_(std::move(upload)), index_(index), side_(std::move(side)) {}

PartWriter::~PartWriter() {
  std::unique_lock state(upload_->state_mutex_);
  Upload::Part& part = upload_->parts_[index_];
  if (part.owner == this) part.owner = nullptr;
}

Status PartWriter::write(std::span<const std::byte> bytes) {
  if (written_ + bytes.size() > upload_->part_bytes(index_)) {
    return fail(upload_error("upload_wrong_size", "the part is longer than it should be"));
  }
  std::uint64_t at = written_;
  written_ += bytes.size();
  if (side_) return side_->write(at, bytes);
  // Shared: parts are written side by side. Once another sending of this part has won, what this
  // one still brings is dropped.
  std::shared_lock state(upload_->state_mutex_);
  if (upload_->parts_[index_].owner != this) return {};
  return upload_->scratch_->write(index_ * upload_->record_.part_size + at, bytes);
}

Status PartWriter::finish() {
  if (written_ != upload_->part_bytes(index_)) {
    return fail(
        upload_error("upload_wrong_size", fmt::format("the part has {} bytes and should have {}",
                                                      written_, upload_->part_bytes(index_))));
  }
  if (side_) {
    if (auto kept = upload_->keep_side_copy(index_, *side_); !kept) return kept;
  } else {
    std::unique_lock state(upload_->state_mutex_);
    Upload::Part& part = upload_->parts_[index_];
    if (part.owner != this) return {};
    if (auto marked = upload_->scratch_->mark_part(index_, true); !marked) return marked;
    part.owner = nullptr;
    part.received = true;
  }
  upload_->hash_prefix();
  return {};
}

Status Uploads::load() {
  if (loaded_) return {};
  auto records = store_.uploads();
  if (!records) return fail(std::move(records.error()));
  for (UploadRecord& record : *records) {
    auto scratch = store_.open_upload(record.id);
    if (!scratch) continue;  // what cannot be opened cannot be continued
    auto parts = (*scratch)->parts();
    if (!parts) continue;
    std::string id = record.id;
    uploads_[id] = std::make_shared<Upload>(store_, std::move(record), *scratch, std::move(*parts));
  }
  loaded_ = true;
  return {};
}

void Uploads::drop_old(std::int64_t now) {
  std::erase_if(uploads_, [&](const auto& entry) {
    if (now - entry.second->record().created_at < upload_lifetime_s) return false;
    // Left on disk it would only be dropped again later.
    (void)store_.remove_upload(entry.first);
    return true;
  });
}

Result<std::shared_ptr<Upload>> Uploads::find_or_create(UploadRecord fresh) {
  std::scoped_lock lock(mutex_);
  if (auto ready = load(); !ready) return fail(std::move(ready.error()));
  drop_old(fresh.created_at);
  for (const auto& [id, upload] : uploads_) {
    const UploadRecord& record = upload->record();
    if (record.oid == fresh.oid && record.repo == fresh.repo && record.size == fresh.size) {
      return upload;
    }
  }
  auto scratch = store_.create_upload(fresh);
  if (!scratch) return fail(std::move(scratch.error()));
  std::string id = fresh.id;
  auto upload =
      std::make_shared<Upload>(store_, std::move(fresh), std::move(*scratch), std::vector<bool>());
  uploads_[id] = upload;
  return upload;
}

std::shared_ptr<Upload> Uploads::find(std::string_view id) {
  std::scoped_lock lock(mutex_);
  if (!load()) return nullptr;
  auto found = uploads_.find(id);
  return found == uploads_.end() ? nullptr : found->second;
}

void Uploads::remove(std::string_view id) {
  std::scoped_lock lock(mutex_);
  auto found = uploads_.find(id);
  if (found == uploads_.end()) return;
  (void)store_.remove_upload(id);
  uploads_.erase(found);
}

void Uploads::remove_repo(const RepoId& repo) {
  std::scoped_lock lock(mutex_);
  if (!load()) return;
  std::erase_if(uploads_, [&](const auto& entry) {
    if (entry.second->record().repo != repo) return false;
    (void)store_.remove_upload(entry.first);
    return true;
  });
}

}  // namespace headrace::hub
