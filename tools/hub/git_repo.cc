#include "tools/hub/git_repo.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <git2.h>

#include "tools/hub/pack.h"

namespace headrace::hub {
namespace {

// Beyond this many objects a pack is cheaper than a file for each.
constexpr std::size_t loose_objects_max = 16;

// libgit2's settings are global; the user's own git configuration has no say in a hub's root.
void start_libgit2() {
  static const int started = [] {
    int count = git_libgit2_init();
    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    for (int level : {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_XDG,
                      GIT_CONFIG_LEVEL_PROGRAMDATA}) {
      git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
    }
    return count;
  }();
  (void)started;
}

Error git_failure(std::string_view what, int code) {
  const git_error* last = git_error_last();
  if (code == GIT_ENOTFOUND) {
    return make_error(ErrorClass::fail, "store_not_found", fmt::format("no {}", what));
  }
  if (code == GIT_EEXISTS || code == GIT_EMODIFIED) {
    return make_error(ErrorClass::retry, "store_conflict", fmt::format("{} moved meanwhile", what));
  }
  return make_error(
      ErrorClass::fail, "store_git_failed",
      fmt::format("{}: {}", what, last != nullptr ? last->message : "libgit2 failed"));
}

Result<git_oid> oid_of(std::string_view id) {
  git_oid oid{};
  if (int code = git_oid_fromstrn(&oid, id.data(), id.size()); code < 0 || id.size() != 40) {
    return fail(git_failure("object of that id", GIT_ENOTFOUND));
  }
  return oid;
}

std::string text_of(const git_oid& oid) {
  std::array<char, GIT_OID_HEXSZ> text{};
  git_oid_fmt(text.data(), &oid);
  return {text.data(), text.size()};
}

git_object_t type_of(ObjectType type) {
  switch (type) {
    case ObjectType::commit:
      return GIT_OBJECT_COMMIT;
    case ObjectType::tree:
      return GIT_OBJECT_TREE;
    case ObjectType::blob:
      return GIT_OBJECT_BLOB;
  }
  return GIT_OBJECT_INVALID;
}

void remove_leftovers(const Path& folder) {
  std::error_code error;
  std::filesystem::recursive_directory_iterator refs(folder / "refs", error);
  std::vector<Path> found = {folder / "HEAD.lock", folder / "packed-refs.lock"};
  for (; !error && refs != std::filesystem::end(refs); refs.increment(error)) {
    if (refs->path().extension() == ".lock") found.push_back(refs->path());
  }
  for (const Path& place : {folder / "objects", folder / "objects" / "pack"}) {
    for (std::filesystem::directory_iterator files(place, error);
         !error && files != std::filesystem::end(files); files.increment(error)) {
      std::string name = files->path().filename();
      if (name.contains("_git2_")) found.push_back(files->path());
    }
  }
  for (const Path& path : found) std::filesystem::remove(path, error);
}

}  // namespace

void GitRepo::FreeRepository::operator()(git_repository* repository) const {
  git_repository_free(repository);
}
void GitRepo::FreeDatabase::operator()(git_odb* database) const { git_odb_free(database); }

Status GitRepo::create(const Path& folder) {
  start_libgit2();
  git_repository_init_options options = GIT_REPOSITORY_INIT_OPTIONS_INIT;
  options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH;
  options.initial_head = "main";
  git_repository* made = nullptr;
  int code = git_repository_init_ext(&made, folder.c_str(), &options);
  git_repository_free(made);
  if (code < 0) return fail(git_failure("the new repository", code));
  return {};
}

Result<std::unique_ptr<GitRepo>> GitRepo::open(const Path& folder) {
  start_libgit2();
  remove_leftovers(folder);
  std::unique_ptr<GitRepo> repo(new GitRepo(folder));
  git_repository* repository = nullptr;
  int code = git_repository_open_bare(&repository, folder.c_str());
  if (code < 0) return fail(git_failure("such repository", code));
  repo->repository_.reset(repository);
  git_odb* database = nullptr;
  code = git_repository_odb(&database, repository);
  if (code < 0) return fail(git_failure("the object database", code));
  repo->database_.reset(database);
  return repo;
}

Status GitRepo::write_objects(std::span<const GitObject> objects) {
  if (objects.size() <= loose_objects_max) return write_loose(objects);
  return write_pack(objects);
}

Status GitRepo::write_loose(std::span<const GitObject> objects) {
  std::scoped_lock lock(mutex_);
  for (const GitObject& object : objects) {
    git_oid written{};
    int code = git_odb_write(&written, database_.get(), object.bytes.data(), object.bytes.size(),
                             type_of(object.type));
    if (code < 0) return fail(git_failure("an object", code));
  }
  return {};
}

Status GitRepo::write_pack(std::span<const GitObject> objects) {
  // Made before the lock: compressing takes longer than all the rest.
  std::string pack = make_pack(objects);
  std::string folder = folder_ / "objects" / "pack";
  git_indexer_options options = GIT_INDEXER_OPTIONS_INIT;
  git_indexer* indexer = nullptr;
  git_indexer_progress progress{};
  int code = git_indexer_new(&indexer, folder.c_str(), 0, nullptr, &options);
  if (code >= 0) code = git_indexer_append(indexer, pack.data(), pack.size(), &progress);
  if (code >= 0) code = git_indexer_commit(indexer, &progress);
  git_indexer_free(indexer);
  if (code < 0) return fail(git_failure("a pack", code));
  std::scoped_lock lock(mutex_);
  code = git_odb_refresh(database_.get());
  if (code < 0) return fail(git_failure("the object database", code));
  return {};
}

Result<GitObject> GitRepo::object(std::string_view id) {
  auto oid = oid_of(id);
  if (!oid) return fail(std::move(oid.error()));
  std::scoped_lock lock(mutex_);
  git_odb_object* read = nullptr;
  int code = git_odb_read(&read, database_.get(), &*oid);
  if (code < 0) return fail(git_failure("such object", code));
  GitObject object{
      .id = std::string(id),
      .bytes = {static_cast<const char*>(git_odb_object_data(read)), git_odb_object_size(read)}};
  git_object_t type = git_odb_object_type(read);
  git_odb_object_free(read);
  if (type == GIT_OBJECT_COMMIT) object.type = ObjectType::commit;
  if (type == GIT_OBJECT_TREE) object.type = ObjectType::tree;
  return object;
}

Result<std::uint64_t> GitRepo::object_size(std::string_view id) {
  auto oid = oid_of(id);
  if (!oid) return fail(std::move(oid.error()));
  std::scoped_lock lock(mutex_);
  std::size_t size = 0;
  git_object_t type{};
  int code = git_odb_read_header(&size, &type, database_.get(), &*oid);
  if (code < 0) return fail(git_failure("such object", code));
  return size;
}

Result<std::vector<Ref>> GitRepo::refs() {
  std::scoped_lock lock(mutex_);
  git_reference_iterator* iterator = nullptr;
  int code = git_reference_iterator_new(&iterator, repository_.get());
  if (code < 0) return fail(git_failure("refs", code));
  std::vector<Ref> found;
  git_reference* reference = nullptr;
  while ((code = git_reference_next(&reference, iterator)) == 0) {
    if (const git_oid* target = git_reference_target(reference)) {
      found.push_back({.name = git_reference_name(reference), .commit = text_of(*target)});
    }
    git_reference_free(reference);
  }
  git_reference_iterator_free(iterator);
  if (code != GIT_ITEROVER) return fail(git_failure("refs", code));
  std::ranges::sort(found, {}, &Ref::name);
  return found;
}

Status GitRepo::move_ref(std::string_view name, std::string_view before, std::string_view after) {
  std::string ref_name(name);
  git_oid old_oid{}, new_oid{};
  bool malformed =
      (!before.empty() && git_oid_fromstrn(&old_oid, before.data(), before.size()) < 0) ||
      (!after.empty() && git_oid_fromstrn(&new_oid, after.data(), after.size()) < 0);
  if (malformed) return fail(git_failure("commit of that id", GIT_ENOTFOUND));
  std::scoped_lock lock(mutex_);
  git_reference* reference = nullptr;
  int code = 0;
  if (after.empty()) {
    code = git_reference_lookup(&reference, repository_.get(), ref_name.c_str());
    const git_oid* target = code < 0 ? nullptr : git_reference_target(reference);
    if (code >= 0 && (target == nullptr || !git_oid_equal(target, &old_oid))) code = GIT_EMODIFIED;
    if (code >= 0) code = git_reference_delete(reference);
  } else if (before.empty()) {
    code =
        git_reference_create(&reference, repository_.get(), ref_name.c_str(), &new_oid, 0, nullptr);
  } else {
    code = git_reference_create_matching(&reference, repository_.get(), ref_name.c_str(), &new_oid,
                                         1, &old_oid, nullptr);
    if (code == GIT_ENOTFOUND) code = GIT_EMODIFIED;
  }
  git_reference_free(reference);
  if (code < 0) return fail(git_failure("the ref", code));
  return {};
}

}  // namespace headrace::hub
