#include "tools/hub/store_memory.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include <fmt/format.h>

namespace headrace::hub {
namespace {

class MemoryScratch final : public Scratch {
 public:
  explicit MemoryScratch(std::size_t part_count) : parts_(part_count, false) {}

  Status write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    std::scoped_lock lock(mutex_);
    if (bytes_.size() < offset + bytes.size()) bytes_.resize(offset + bytes.size());
    std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Status read(std::uint64_t offset, std::span<std::byte> into) override {
    std::scoped_lock lock(mutex_);
    if (offset + into.size() > bytes_.size()) return fail(store_not_found("byte at that offset"));
    if (!into.empty()) std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return {};
  }
  Status mark_part(std::size_t index, bool received) override {
    std::scoped_lock lock(mutex_);
    parts_[index] = received;
    return {};
  }
  Result<std::vector<bool>> parts() override {
    std::scoped_lock lock(mutex_);
    return parts_;
  }
  std::vector<std::byte> bytes() {
    std::scoped_lock lock(mutex_);
    return bytes_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::byte> bytes_;
  std::vector<bool> parts_;
};

using Bytes = std::shared_ptr<const std::vector<std::byte>>;

class MemoryContent final : public Content {
 public:
  explicit MemoryContent(Bytes bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_->size(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset >= bytes_->size()) return 0;
    std::size_t count = std::min<std::size_t>(into.size(), bytes_->size() - offset);
    if (count > 0) std::memcpy(into.data(), bytes_->data() + offset, count);
    return count;
  }

 private:
  Bytes bytes_;
};

struct Repository {
  std::map<std::string, GitObject, std::less<>> objects;
  std::map<std::string, std::string, std::less<>> refs;
  std::map<std::string, std::string, std::less<>> documents;
  std::map<std::string, Bytes, std::less<>> lfs;
};

class MemoryStore final : public Store {
 public:
  Status create_repo(const RepoId& id, std::span<const GitObject> objects, const Ref& first,
                     std::string_view record) override {
    std::scoped_lock lock(mutex_);
    auto [repo, added] = repos_.try_emplace(id);
    if (!added) return fail(make_error(ErrorClass::fail, "store_exists", "the repo exists"));
    for (const GitObject& object : objects) repo->second.objects.emplace(object.id, object);
    repo->second.refs[first.name] = first.commit;
    repo->second.documents["record"] = record;
    return {};
  }

  Status remove_repo(const RepoId& id) override {
    std::scoped_lock lock(mutex_);
    if (repos_.erase(id) == 0) return fail(store_not_found("such repository"));
    return {};
  }

  Result<std::string> document(const RepoId& id, std::string_view name) override {
    return look_up(id, &Repository::documents, name);
  }

  Status set_document(const RepoId& id, std::string_view name, std::string_view text) override {
    std::scoped_lock lock(mutex_);
    auto repo = repos_.find(id);
    if (repo == repos_.end()) return fail(store_not_found("such repository"));
    repo->second.documents.insert_or_assign(std::string(name), std::string(text));
    return {};
  }

  Status write_objects(const RepoId& id, std::span<const GitObject> objects) override {
    std::scoped_lock lock(mutex_);
    auto repo = repos_.find(id);
    if (repo == repos_.end()) return fail(store_not_found("such repository"));
    for (const GitObject& object : objects) repo->second.objects.emplace(object.id, object);
    return {};
  }

  Result<GitObject> object(const RepoId& id, std::string_view object_id) override {
    return look_up(id, &Repository::objects, object_id);
  }

  Result<std::uint64_t> object_size(const RepoId& id, std::string_view object_id) override {
    auto found = look_up(id, &Repository::objects, object_id);
    if (!found) return fail(std::move(found.error()));
    return found->bytes.size();
  }

  Result<std::vector<Ref>> refs(const RepoId& id) override {
    std::scoped_lock lock(mutex_);
    auto repo = repos_.find(id);
    if (repo == repos_.end()) return fail(store_not_found("such repository"));
    std::vector<Ref> found;
    for (const auto& [name, commit] : repo->second.refs) found.push_back({name, commit});
    return found;
  }

  Status move_ref(const RepoId& id, std::string_view name, std::string_view before,
                  std::string_view after) override {
    std::scoped_lock lock(mutex_);
    auto repo = repos_.find(id);
    if (repo == repos_.end()) return fail(store_not_found("such repository"));
    auto ref = repo->second.refs.find(name);
    if ((ref == repo->second.refs.end() ? "" : std::string_view(ref->second)) != before) {
      return fail(make_error(ErrorClass::retry, "store_conflict", "the ref moved meanwhile"));
    }
    if (!after.empty()) {
      repo->second.refs.insert_or_assign(std::string(name), std::string(after));
    } else if (ref != repo->second.refs.end()) {
      repo->second.refs.erase(ref);
    }
    return {};
  }

  Result<std::unique_ptr<Content>> lfs_object(const RepoId& id, std::string_view oid) override {
    auto bytes = look_up(id, &Repository::lfs, oid);
    if (!bytes) return fail(std::move(bytes.error()));
    return std::make_unique<MemoryContent>(std::move(*bytes));
  }

  Result<std::uint64_t> lfs_size(const RepoId& id, std::string_view oid) override {
    auto bytes = look_up(id, &Repository::lfs, oid);
    if (!bytes) return fail(std::move(bytes.error()));
    return (*bytes)->size();
  }

  Status publish(const RepoId& id, std::string_view oid, std::uint64_t size,
                 Scratch& bytes) override {
    std::vector<std::byte> content = static_cast<MemoryScratch&>(bytes).bytes();
    content.resize(size);
    std::scoped_lock lock(mutex_);
    auto repo = repos_.find(id);
    if (repo == repos_.end()) return fail(store_not_found("such repository"));
    auto [shared, added] = shared_lfs_.try_emplace(std::string(oid));
    Bytes kept = shared->second.lock();
    if (!kept) shared->second = kept = std::make_shared<const std::vector<std::byte>>(content);
    repo->second.lfs.insert_or_assign(std::string(oid), std::move(kept));
    return {};
  }

  Result<std::unique_ptr<Scratch>> scratch() override { return std::make_unique<MemoryScratch>(0); }

  Result<std::shared_ptr<Scratch>> create_upload(const UploadRecord& record) override {
    std::scoped_lock lock(mutex_);
    auto made = std::make_shared<MemoryScratch>(record.part_count());
    uploads_.insert_or_assign(record.id, Incoming{record, made});
    return made;
  }

  Result<std::shared_ptr<Scratch>> open_upload(std::string_view id) override {
    std::scoped_lock lock(mutex_);
    auto upload = uploads_.find(id);
    if (upload == uploads_.end()) return fail(store_not_found("such upload"));
    return upload->second.scratch;
  }

  Result<std::vector<UploadRecord>> uploads() override {
    std::scoped_lock lock(mutex_);
    std::vector<UploadRecord> records;
    for (const auto& [id, upload] : uploads_) records.push_back(upload.record);
    return records;
  }

  Status remove_upload(std::string_view id) override {
    std::scoped_lock lock(mutex_);
    auto upload = uploads_.find(id);
    if (upload == uploads_.end()) return fail(store_not_found("such upload"));
    uploads_.erase(upload);
    return {};
  }

 private:
  struct Incoming {
    UploadRecord record;
    std::shared_ptr<MemoryScratch> scratch;
  };

  template <class Value>
  Result<Value> look_up(const RepoId& id,
                        std::map<std::string, Value, std::less<>> Repository::* where,
                        std::string_view key) {
    std::scoped_lock lock(mutex_);
    auto repo = repos_.find(id);
    if (repo == repos_.end()) return fail(store_not_found("such repository"));
    auto& values = repo->second.*where;
    auto found = values.find(key);
    if (found == values.end()) return fail(store_not_found("such object in this repository"));
    return found->second;
  }

  std::mutex mutex_;
  std::map<RepoId, Repository> repos_;
  std::map<std::string, std::weak_ptr<const std::vector<std::byte>>, std::less<>> shared_lfs_;
  std::map<std::string, Incoming, std::less<>> uploads_;
};

}  // namespace

std::unique_ptr<Store> make_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace headrace::hub
