#include "tools/headrace/copy_request.h"

#include <algorithm>

namespace headrace {
namespace {

Error bad_arguments(std::string_view message, std::string_view hint) {
  return make_error(ErrorClass::fail, "bad_arguments", message).at("arguments").hinting(hint);
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

Result<CopyRequest> prepare_copy(const CopyArguments& arguments, const Environment& environment) {
  Result<StoreAddress> address = parse_store_address(arguments.target);
  if (!address) return fail(std::move(address.error()));
  if (Status good = check_sources(arguments); !good) return fail(std::move(good.error()));
  Result<NamedValues> metadata = parse_named_values("--metadata", arguments.metadata);
  if (!metadata) return fail(std::move(metadata.error()));
  Result<NamedValues> tags = parse_named_values("--tags", arguments.tags);
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
  return request;
}

}  // namespace headrace
