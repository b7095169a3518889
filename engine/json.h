// json.h: the JSON library behind a few checked readers. Included by messages_*.cc alone.
//
// A reader returns a pointer into the document, or null if the field is missing or of another
// type; the caller says what is wrong.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace headrace {

using Json = nlohmann::ordered_json;

// Text that we were given may be any bytes; what is not UTF-8 becomes U+FFFD.
inline std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Whether brackets nest deeper than any answer needs. The library takes its documents apart by
// recursion in places, so that half a megabyte of brackets would be the end of the stack.
inline bool nests_too_deep(std::string_view body) {
  constexpr std::size_t depth_max = 100;
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < body.size(); ++at) {
    const char c = body[at];
    if (quoted) {
      if (c == '\\') ++at;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > depth_max) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

// Discarded if it is not JSON or nests too deep; never throws.
inline Json parse_json(std::string_view body) {
  if (nests_too_deep(body)) return Json(Json::value_t::discarded);
  return Json::parse(body, nullptr, false);
}

inline const Json* field(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

inline const std::string* text_field(const Json& object, const char* name) {
  const Json* value = field(object, name);
  return value == nullptr ? nullptr : value->get_ptr<const std::string*>();
}

inline std::string text_or_empty(const Json& object, const char* name) {
  const std::string* value = text_field(object, name);
  return value == nullptr ? std::string() : *value;
}

// A whole number of 0 or more.
inline std::optional<std::uint64_t> count_field(const Json& object, const char* name) {
  const Json* value = field(object, name);
  if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
  return value->get<std::uint64_t>();
}

}  // namespace headrace
