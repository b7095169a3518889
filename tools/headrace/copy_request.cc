#include "tools/headrace/copy_request.h"

#include <algorithm>

#include <fmt/format.h>

namespace headrace {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Error bad_arguments(std::string_view message, std::string_view hint) {
  return make_error(ErrorClass::fail, "bad_arguments", message).at("arguments").hinting(hint);
}

// Names become part of a field's name, values a field's value.
Result<Pairs> parse_pairs(std::string_view flag, const std::vector<std::string>& texts) {
  Pairs pairs;
  for (const std::string& text : texts) {
    std::size_t equals = text.find('=');
    bool plain = std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
    if (equals == 0 || equals == std::string::npos || !plain) {
      return fail(bad_arguments(fmt::format("{} {} is not NAME=VALUE in ASCII", flag, text),
                                "write it as --metadata author=me"));
    }
    pairs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return pairs;
}

Status check_sources(const CopyArguments& arguments) {
  bool reads_input = std::ranges::find(arguments.sources, "-") != arguments.sources.end();
  if (reads_input && arguments.sources.size() > 1) {
    return fail(bad_arguments("standard input goes alone", "copy the other sources by themselves"));
  }
  if (reads_input &&
      (arguments.target.ends_with('/') || !arguments.target.substr(5).contains('/'))) {
    return fail(bad_arguments("standard input has no name", "give a whole key: s3://BUCKET/KEY"));
  }
  if (reads_input && arguments.skip_existing) {
    return fail(bad_arguments("standard input is known only once it was sent",
                              "leave --skip-existing out"));
  }
  return {};
}

}  // namespace

Result<StoreAddress> parse_store_address(std::string_view text) {
  constexpr std::string_view scheme = "s3://";
  std::string_view rest = text.starts_with(scheme) ? text.substr(scheme.size()) : "";
  std::size_t slash = rest.find('/');
  if (rest.empty() || slash == 0) {
    return fail(bad_arguments(fmt::format("'{}' is not the address of a bucket", text),
                              "write it as s3://BUCKET or s3://BUCKET/KEY"));
  }
  StoreAddress address{.bucket = std::string(rest.substr(0, slash)), .key = {}};
  if (slash != std::string_view::npos) address.key = rest.substr(slash + 1);
  return address;
}

Result<CopyRequest> prepare_copy(const CopyArguments& arguments, const Environment& environment) {
  Result<StoreAddress> address = parse_store_address(arguments.target);
  if (!address) return fail(std::move(address.error()));
  if (Status good = check_sources(arguments); !good) return fail(std::move(good.error()));
  Result<Pairs> metadata = parse_pairs("--metadata", arguments.metadata);
  if (!metadata) return fail(std::move(metadata.error()));
  Result<Pairs> tags = parse_pairs("--tags", arguments.tags);
  if (!tags) return fail(std::move(tags.error()));
  Result<S3Account> account = load_s3_account(arguments.store, environment);
  if (!account) return fail(std::move(account.error()));
  CopyRequest request{.account = std::move(*account)};
  request.sources = arguments.sources;
  request.bucket = std::move(address->bucket);
  request.prefix = std::move(address->key);
  request.include = arguments.include;
  request.exclude = arguments.exclude;
  request.content_type = arguments.content_type;
  request.metadata = std::move(*metadata);
  request.tags = std::move(*tags);
  request.storage_class = arguments.storage_class;
  request.encryption = arguments.encryption;
  request.kms_key_id = arguments.kms_key_id;
  request.checksum = arguments.checksum;
  request.part_size = arguments.part_size;
  request.if_none_match = arguments.if_none_match;
  request.skip_same = arguments.skip_existing;
  request.keep_going = arguments.keep_going;
  request.dry_run = arguments.dry_run;
  if (!request.kms_key_id.empty() && request.encryption.empty()) request.encryption = "aws:kms";
  return request;
}

}  // namespace headrace
