#include "engine/copy_request.h"

#include <algorithm>

#include <fmt/format.h>

namespace headrace {
namespace {

std::unexpected<Error> bad_arguments(std::string_view message, std::string_view hint) {
  return fail(make_error(ErrorClass::fail, "bad_arguments", message).at("arguments").hinting(hint));
}

}  // namespace

Result<StoreAddress> parse_store_address(std::string_view text) {
  constexpr std::string_view scheme = "s3://";
  std::string_view rest = text.starts_with(scheme) ? text.substr(scheme.size()) : "";
  std::size_t slash = rest.find('/');
  if (rest.empty() || slash == 0) {
    return bad_arguments(fmt::format("'{}' is not the address of a bucket", text),
                         "write it as s3://BUCKET or s3://BUCKET/KEY");
  }
  StoreAddress address{.bucket = std::string(rest.substr(0, slash)), .key = {}};
  if (slash != std::string_view::npos) address.key = rest.substr(slash + 1);
  return address;
}

Result<NamedValues> parse_named_values(std::string_view what,
                                       const std::vector<std::string>& texts) {
  NamedValues values;
  for (const std::string& text : texts) {
    std::size_t equals = text.find('=');
    bool plain = std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
    if (equals == 0 || equals == std::string::npos || !plain) {
      return bad_arguments(fmt::format("{} {} is not NAME=VALUE in ASCII", what, text),
                           "write it as author=me");
    }
    values.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return values;
}

}  // namespace headrace
