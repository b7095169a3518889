#include "tools/hub/store_disk.h"

#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/hub/disk_scratch.h"
#include "tools/hub/encoding.h"
#include "tools/hub/git_repo.h"
#include "tools/hub/json.h"

namespace headrace::hub {
namespace {

constexpr std::string_view format_number = "1\n";

bool path_exists(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// objects/ab/cd/abcd…
Path object_path(const Path& base, std::string_view oid) {
  return base / oid.substr(0, 2) / oid.substr(2, 2) / oid;
}

std::string record_text(const UploadRecord& record) {
  return dump_json({{"id", record.id},
                    {"type", record.repo.type},
                    {"name", record.repo.name},
                    {"oid", record.oid},
                    {"size", record.size},
                    {"partSize", record.part_size},
                    {"createdAt", record.created_at}});
}

std::optional<UploadRecord> parse_record(std::string_view text) {
  Json json = parse_json(text);
  UploadRecord record{.id = text_member(json, "id").value_or(""),
                      .repo = {.type = text_member(json, "type").value_or(""),
                               .name = text_member(json, "name").value_or("")},
                      .oid = text_member(json, "oid").value_or(""),
                      .size = number_member(json, "size").value_or(0),
                      .part_size = number_member(json, "partSize").value_or(0)};
  record.created_at = static_cast<std::int64_t>(number_member(json, "createdAt").value_or(0));
  if (record.id.empty() || record.part_size == 0) return std::nullopt;
  return record;
}

class Disk final : public Store {
 public:
  Disk(Path root, File lock) : root_(std::move(root)), lock_(std::move(lock)) {}

  Status create_repo(const RepoId&, std::span<const GitObject>, const Ref& first,
                     std::string_view record) override;
  Status remove_repo(const RepoId&) override;
  Result<std::string> document(const RepoId&, std::string_view name) override;
  Status set_document(const RepoId&, std::string_view name, std::string_view text) override;

  Status write_objects(const RepoId& id, std::span<const GitObject> objects) override {
    auto repo = open_repo(id);
    return repo ? (*repo)->write_objects(objects) : fail(std::move(repo.error()));
  }
  Result<GitObject> object(const RepoId& id, std::string_view object_id) override {
    auto repo = open_repo(id);
    if (!repo) return fail(std::move(repo.error()));
    return (*repo)->object(object_id);
  }
  Result<std::uint64_t> object_size(const RepoId& id, std::string_view object_id) override {
    auto repo = open_repo(id);
    if (!repo) return fail(std::move(repo.error()));
    return (*repo)->object_size(object_id);
  }
  Result<std::vector<Ref>> refs(const RepoId& id) override {
    auto repo = open_repo(id);
    if (!repo) return fail(std::move(repo.error()));
    return (*repo)->refs();
  }
  Status move_ref(const RepoId& id, std::string_view name, std::string_view before,
                  std::string_view after) override {
    auto repo = open_repo(id);
    return repo ? (*repo)->move_ref(name, before, after) : fail(std::move(repo.error()));
  }

  Result<std::unique_ptr<Content>> lfs_object(const RepoId&, std::string_view oid) override;
  Result<std::uint64_t> lfs_size(const RepoId&, std::string_view oid) override;
  Status publish(const RepoId&, std::string_view oid, std::uint64_t size, Scratch&) override;

  Result<std::unique_ptr<Scratch>> scratch() override;
  Result<std::shared_ptr<Scratch>> create_upload(const UploadRecord&) override;
  Result<std::shared_ptr<Scratch>> open_upload(std::string_view id) override;
  Result<std::vector<UploadRecord>> uploads() override;
  Status remove_upload(std::string_view id) override;

 private:
  Path repo_folder(const RepoId& id) const {
    return root_ / "repos" / (id.type + "s") / (id.name + ".git");
  }
  Path lfs_path(const RepoId& id, std::string_view oid) const {
    return object_path(repo_folder(id) / "lfs" / "objects", oid);
  }
  Path aside(std::string_view what) {
    return root_ / "incoming" / fmt::format("{}-{}", what, next_name_++);
  }
  Result<std::shared_ptr<GitRepo>> open_repo(const RepoId& id);
  Status discard_folder(const Path& folder);
  void release_lfs_objects(const Path& repo);

  const Path root_;
  const File lock_;
  std::atomic<std::uint64_t> next_name_ = 0;
  std::mutex repos_mutex_;
  std::map<RepoId, std::shared_ptr<GitRepo>> repos_;
  std::mutex lfs_mutex_;  // links are counted and made by one at a time
};

Result<std::shared_ptr<GitRepo>> Disk::open_repo(const RepoId& id) {
  std::scoped_lock lock(repos_mutex_);
  auto known = repos_.find(id);
  if (known != repos_.end()) return known->second;
  Path folder = repo_folder(id);
  if (!path_exists(folder)) return fail(store_not_found("such repository"));
  auto opened = GitRepo::open(folder);
  if (!opened) return fail(std::move(opened.error()));
  std::shared_ptr<GitRepo> repo = std::move(*opened);
  repos_[id] = repo;
  return repo;
}

Status Disk::create_repo(const RepoId& id, std::span<const GitObject> objects, const Ref& first,
                         std::string_view record) {
  Path folder = repo_folder(id);
  if (path_exists(folder))
    return fail(make_error(ErrorClass::fail, "store_exists", "the repo exists"));
  Path made = aside("repo");
  if (auto created = GitRepo::create(made); !created) return created;
  {
    auto repo = GitRepo::open(made);
    if (!repo) return fail(std::move(repo.error()));
    if (auto written = (*repo)->write_objects(objects); !written) return written;
    if (auto moved = (*repo)->move_ref(first.name, "", first.commit); !moved) return moved;
  }
  if (auto folders = make_folders(made / "headrace"); !folders) return folders;
  auto kept = write_file(made / "headrace" / "record.json", record, aside("record"));
  if (!kept) return kept;
  if (auto synced = sync_tree(made); !synced) return synced;
  if (auto folders = make_folders(folder.parent_path()); !folders) return folders;
  return rename_path(made, folder);
}

Status Disk::discard_folder(const Path& folder) {
  Path away = aside("trash");
  if (::rename(folder.c_str(), away.c_str()) != 0) {
    if (errno == ENOENT) return fail(store_not_found("such folder"));
    return fail(disk_error("remove", folder, errno));
  }
  if (auto synced = sync_folder(folder.parent_path()); !synced) return synced;
  std::error_code ignored;  // what stays is removed at the next start
  std::filesystem::remove_all(away, ignored);
  return {};
}

Status Disk::remove_repo(const RepoId& id) {
  {
    std::scoped_lock lock(repos_mutex_);
    repos_.erase(id);
  }
  std::scoped_lock lock(lfs_mutex_);
  Path folder = repo_folder(id), away = aside("repo");
  if (!path_exists(folder)) return fail(store_not_found("such repository"));
  if (auto moved = rename_path(folder, away); !moved) return moved;
  if (auto synced = sync_folder(folder.parent_path()); !synced) return synced;
  release_lfs_objects(away);
  std::error_code ignored;
  std::filesystem::remove_all(away, ignored);
  return {};
}

// Bytes that no repository has any more go too.
void Disk::release_lfs_objects(const Path& repo) {
  std::error_code error;
  std::filesystem::recursive_directory_iterator files(repo / "lfs" / "objects", error);
  for (; !error && files != std::filesystem::end(files); files.increment(error)) {
    if (!files->is_regular_file()) continue;
    std::string oid = files->path().filename();
    ::unlink(files->path().c_str());
    Path shared = object_path(root_ / "objects", oid);
    struct stat status{};
    if (::stat(shared.c_str(), &status) == 0 && status.st_nlink == 1) ::unlink(shared.c_str());
  }
}

Result<std::string> Disk::document(const RepoId& id, std::string_view name) {
  Path path = repo_folder(id) / "headrace" / fmt::format("{}.json", name);
  if (!path_exists(path)) return fail(store_not_found("such document"));
  return read_file(path);
}

Status Disk::set_document(const RepoId& id, std::string_view name, std::string_view text) {
  if (!path_exists(repo_folder(id))) return fail(store_not_found("such repository"));
  Path path = repo_folder(id) / "headrace" / fmt::format("{}.json", name);
  if (auto folders = make_folders(path.parent_path()); !folders) return folders;
  return write_file(path, text, aside("document"));
}

Result<std::unique_ptr<Content>> Disk::lfs_object(const RepoId& id, std::string_view oid) {
  auto size = lfs_size(id, oid);
  if (!size) return fail(std::move(size.error()));
  auto file = File::open(lfs_path(id, oid), O_RDONLY);
  if (!file) return fail(std::move(file.error()));
  return std::make_unique<DiskContent>(std::move(*file), *size);
}

Result<std::uint64_t> Disk::lfs_size(const RepoId& id, std::string_view oid) {
  struct stat status{};
  if (!is_hex(oid, 64, 64) || ::stat(lfs_path(id, oid).c_str(), &status) != 0) {
    return fail(store_not_found("such object in this repository"));
  }
  return static_cast<std::uint64_t>(status.st_size);
}

Status Disk::publish(const RepoId& id, std::string_view oid, std::uint64_t, Scratch& bytes) {
  auto& scratch = static_cast<DiskScratch&>(bytes);
  if (auto synced = scratch.sync(); !synced) return synced;
  Path shared = object_path(root_ / "objects", oid), seen = lfs_path(id, oid);
  std::scoped_lock lock(lfs_mutex_);
  if (!path_exists(repo_folder(id))) return fail(store_not_found("such repository"));
  auto link = [](const Path& from, const Path& to) -> Status {
    if (auto folders = make_folders(to.parent_path()); !folders) return folders;
    if (::link(from.c_str(), to.c_str()) != 0 && errno != EEXIST) {
      return fail(disk_error("keep", to, errno));
    }
    return sync_folder(to.parent_path());
  };
  if (auto kept = link(scratch.path(), shared); !kept) return kept;
  return link(shared, seen);
}

Result<std::unique_ptr<Scratch>> Disk::scratch() {
  Path path = aside("object");
  auto file = File::open(path, O_RDWR | O_CREAT | O_EXCL);
  if (!file) return fail(std::move(file.error()));
  return std::make_unique<DiskScratch>(DiskScratch::Files{.path = path, .data = std::move(*file)});
}

Result<std::shared_ptr<Scratch>> Disk::create_upload(const UploadRecord& record) {
  Path made = aside("upload");
  if (auto folders = make_folders(made); !folders) return fail(std::move(folders.error()));
  auto data = File::open(made / "data", O_RDWR | O_CREAT | O_EXCL);
  if (!data) return fail(std::move(data.error()));
  if (::ftruncate(data->fd(), static_cast<off_t>(record.size)) != 0) {
    return fail(disk_error("size", made / "data", errno));
  }
  if (auto parts = File::open(made / "parts", O_RDWR | O_CREAT | O_EXCL); !parts) {
    return fail(std::move(parts.error()));
  }
  auto written = write_file(made / "record.json", record_text(record), aside("record"));
  if (!written) return fail(std::move(written.error()));
  if (auto moved = rename_path(made, root_ / "uploads" / record.id); !moved) {
    return fail(std::move(moved.error()));
  }
  return open_upload(record.id);
}

Result<std::shared_ptr<Scratch>> Disk::open_upload(std::string_view id) {
  Path folder = root_ / "uploads" / id;
  auto text = read_file(folder / "record.json");
  auto record = text ? parse_record(*text) : std::nullopt;
  if (!record) return fail(store_not_found("such upload"));
  auto data = File::open(folder / "data", O_RDWR);
  if (!data) return fail(std::move(data.error()));
  auto parts = File::open(folder / "parts", O_RDWR);
  if (!parts) return fail(std::move(parts.error()));
  return std::make_shared<DiskScratch>(DiskScratch::Files{.path = folder / "data",
                                                          .data = std::move(*data),
                                                          .parts = std::move(*parts),
                                                          .part_count = record->part_count()});
}

Result<std::vector<UploadRecord>> Disk::uploads() {
  std::vector<UploadRecord> records;
  std::error_code error;
  std::filesystem::directory_iterator folders(root_ / "uploads", error);
  for (; !error && folders != std::filesystem::end(folders); folders.increment(error)) {
    auto text = read_file(folders->path() / "record.json");
    auto record = text ? parse_record(*text) : std::nullopt;
    if (record) records.push_back(std::move(*record));
  }
  if (error) return fail(disk_error("list", root_ / "uploads", error.value()));
  return records;
}

Status Disk::remove_upload(std::string_view id) { return discard_folder(root_ / "uploads" / id); }

Error unusable(const Path& root, std::string_view why) {
  return make_error(ErrorClass::fail, "store_root_unusable",
                    fmt::format("'{}' cannot be the root of a hub: {}", root.native(), why))
      .hinting("name an empty folder, or one that this hub made");
}

// The layout's number is written last, so a root without one is empty or was never finished.
Status prepare(const Path& root) {
  auto format = read_file(root / "format");
  if (format && *format != format_number) {
    return fail(unusable(root, "its format is of another version"));
  }
  if (!format) {
    std::error_code error;
    std::filesystem::directory_iterator entries(root, error);
    for (; !error && entries != std::filesystem::end(entries); entries.increment(error)) {
      std::string name = entries->path().filename();
      bool ours = name == "lock" || name == "secret" || name == "incoming" || name == "repos" ||
                  name == "objects" || name == "uploads";
      if (!ours) return fail(unusable(root, "it holds other files"));
    }
    if (error) return fail(disk_error("list", root, error.value()));
  }
  std::error_code error;
  std::filesystem::remove_all(root / "incoming", error);
  for (const char* name : {"incoming", "repos", "objects", "uploads"}) {
    if (auto made = make_folders(root / name); !made) return made;
  }
  if (!path_exists(root / "secret")) {
    std::string key(32, '\0');
    if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) {
      return fail(system_error("disk_failed", "cannot make a secret", errno));
    }
    auto kept = write_file(root / "secret", hex(key), root / "incoming" / "secret");
    if (!kept) return kept;
  }
  if (format) return {};
  return write_file(root / "format", format_number, root / "incoming" / "format");
}

}  // namespace

Result<DiskStore> open_disk_store(const Path& root) {
  if (auto made = make_folders(std::filesystem::absolute(root)); !made) {
    return fail(std::move(made.error()));
  }
  auto lock = File::open(root / "lock", O_RDWR | O_CREAT);
  if (!lock) return fail(std::move(lock.error()));
  if (::flock(lock->fd(), LOCK_EX | LOCK_NB) != 0) {
    return fail(make_error(ErrorClass::fail, "store_busy",
                           fmt::format("another hub uses '{}'", root.native()))
                    .hinting("stop it, or name another root"));
  }
  if (auto ready = prepare(root); !ready) return fail(std::move(ready.error()));
  auto secret = read_file(root / "secret");
  if (!secret) return fail(std::move(secret.error()));
  return DiskStore{.store = std::make_unique<Disk>(root, std::move(*lock)),
                   .secret = std::move(*secret)};
}

}  // namespace headrace::hub
