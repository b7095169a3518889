// copy_request.h: what one copy into a bucket is asked to do. A value; the front door takes it.
// What people write of it as text is read here. Fails with: bad_arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/s3_account.h"

namespace headrace {

// Which checksum goes with the content. Their parts' values combine to the whole's, but for
// SHA-256, where a store keeps one of the parts'.
enum class CopyChecksum : std::uint8_t { crc64nvme, crc32c, sha256 };

struct StoreAddress {
  std::string bucket;
  std::string key;  // or what keys begin with; may be empty
};
// s3://BUCKET[/KEY]
Result<StoreAddress> parse_store_address(std::string_view text);

using NamedValues = std::vector<std::pair<std::string, std::string>>;
// NAME=VALUE each, in ASCII: names become part of a field's name, values a field's value. `what`
// they are is for messages.
Result<NamedValues> parse_named_values(std::string_view what,
                                       const std::vector<std::string>& texts);

struct CopyRequest {
  S3Account account;

  // One entry: a file, a folder with all below it, or "-", standard input. More: files and folders,
  // each under its own name.
  std::vector<std::string> sources;
  std::string bucket;
  // One file, and no slash at its end: the whole key. Else what stands before the names.
  std::string prefix;

  // For folders; no include list takes everything.
  std::optional<std::vector<std::string>> include;
  std::vector<std::string> exclude;

  // Of every object.
  std::string content_type;  // empty: by the name
  NamedValues metadata;
  NamedValues tags;
  std::string storage_class;
  std::string encryption;  // AES256, aws:kms …; empty: as the bucket has it
  std::string kms_key_id;  // means aws:kms, unless said otherwise

  CopyChecksum checksum = CopyChecksum::crc64nvme;
  std::uint64_t part_size = 0;  // 0: by the object's size
  bool if_none_match = false;   // an object that exists is an error
  bool skip_same = false;       // one that exists with the same content is left alone
  bool keep_going = false;      // a file that fails is left out
  bool dry_run = false;         // read and plan, send nothing
};

struct StoredParts {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

// An upload that was begun and neither completed nor aborted.
struct UnfinishedUpload {
  std::string key;
  std::string id;
  std::int64_t begun_at = 0;          // in seconds since 1970, 0 if it is not known
  std::optional<StoredParts> stored;  // what the store has of it; nothing: nobody asked, or may
};

}  // namespace headrace
