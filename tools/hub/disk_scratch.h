// disk_scratch.h: bytes on their way to the disk, and stored ones on their way out.
// Contracts: Scratch in store.h, Content in call.h. The file of an upload stays when the object
// goes, any other is removed with it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <utility>

#include "tools/hub/disk_files.h"
#include "tools/hub/store.h"

namespace headrace::hub {

class DiskScratch final : public Scratch {
 public:
  struct Files {
    Path path;
    File data;
    File parts;  // a byte for each part: 1 if it came; none for a single object
    std::size_t part_count = 0;
  };
  explicit DiskScratch(Files files) : files_(std::move(files)) {}
  ~DiskScratch() override {
    std::error_code ignored;
    if (files_.part_count == 0) std::filesystem::remove(files_.path, ignored);
  }

  Status write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return files_.data.write_at(offset, bytes);
  }
  Status read(std::uint64_t offset, std::span<std::byte> into) override {
    auto count = files_.data.read_at(offset, into);
    if (!count) return fail(std::move(count.error()));
    if (*count == into.size()) return {};
    return fail(make_error(ErrorClass::fail, "store_not_found", "no byte at that offset"));
  }
  Status mark_part(std::size_t index, bool received) override {
    std::byte mark{received ? std::uint8_t{1} : std::uint8_t{0}};
    return files_.parts.write_at(index, {&mark, 1});
  }
  Result<std::vector<bool>> parts() override {
    std::vector<std::byte> marks(files_.part_count);
    auto count = files_.parts.read_at(0, marks);
    if (!count) return fail(std::move(count.error()));
    std::vector<bool> received(files_.part_count, false);
    for (std::size_t i = 0; i < *count; ++i) received[i] = marks[i] == std::byte{1};
    return received;
  }

  const Path& path() const { return files_.path; }
  Status sync() { return files_.data.sync(files_.path); }

 private:
  Files files_;
};

class DiskContent final : public Content {
 public:
  DiskContent(File file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
    return file_.read_at(offset, into);
  }

 private:
  File file_;
  std::uint64_t size_;
};

}  // namespace headrace::hub
