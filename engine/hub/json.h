// json.h: an answer of the Hub as JSON, or what is wrong with it. Included by messages_*.cc alone.
#pragma once

#include <fmt/format.h>

#include "engine/json.h"
#include "io/error.h"

namespace headrace {

inline Error bad_answer(std::string_view call, std::string_view what) {
  return make_error(ErrorClass::fail, "bad_answer",
                    fmt::format("the answer to {} cannot be used: {}", call, what))
      .at(call)
      .hinting("look whether the endpoint is a Hub, or something in between changed the answer");
}

// An object; nothing else is ever the top of an answer that has fields.
inline Result<Json> parse_answer(std::string_view call, std::string_view body, bool array = false) {
  if (body.size() > (16U << 20)) return fail(bad_answer(call, "it is larger than 16 MiB"));
  Json json = parse_json(body);
  if (json.is_discarded()) return fail(bad_answer(call, "it is not JSON"));
  if (array ? !json.is_array() : !json.is_object()) {
    return fail(bad_answer(call, array ? "it is not a list" : "it is not an object"));
  }
  return json;
}

}  // namespace headrace
