// json.h: reading members of a peer's JSON without exceptions, and writing it.
// For the files whose job is messages; nlohmann/json goes no further.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace headrace::hub {

using Json = nlohmann::json;

// Discarded if it is not JSON.
inline Json parse_json(std::string_view text) { return Json::parse(text, nullptr, false); }
// Bytes that are not UTF-8 (names in a repository may hold any) become U+FFFD.
inline std::string dump_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}
inline const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}
inline std::optional<std::string> text_member(const Json& object, const char* name) {
  const Json* value = member(object, name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}
inline std::optional<std::uint64_t> number_member(const Json& object, const char* name) {
  const Json* value = member(object, name);
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  if (!value->is_number_unsigned() && value->get<std::int64_t>() < 0) return std::nullopt;
  return value->get<std::uint64_t>();
}
inline bool flag_member(const Json& object, const char* name) {
  const Json* value = member(object, name);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

}  // namespace headrace::hub
