// sink_hub.h: what the sink says when it is taken for a Hub.
//
// Enough of the protocol for an upload by any client: create, preupload, LFS batch, content,
// completion, verify, commit and the looks around them. Nothing is kept and nothing is checked, so
// that the sender alone is measured: every repo exists and is empty, every object is new, and every
// commit lands. Source: the shared protocol notes, sections 2 to 6. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

struct SinkHub {
  std::string url;  // of the sink itself, without a slash at the end
  // Larger files, and those that begin with NULs, are objects.
  std::uint64_t inline_limit = 10'000'000;
  // Larger objects go in parts of `part_size`.
  std::uint64_t multipart_threshold = 64ULL << 20;
  std::uint64_t part_size = 64ULL << 20;
};

enum class SinkCall : std::uint8_t {
  content,  // any PUT
  create,
  preupload,
  batch,
  completion,
  verify,
  commit,
  look,   // GET or HEAD
  other,  // POST that is none of the above
};
inline constexpr std::size_t sink_call_count = static_cast<std::size_t>(SinkCall::other) + 1;
std::string_view name_of(SinkCall);

// `target` is what stands between the method and the version; its path, what stands before the
// query.
std::string_view path_of(std::string_view target);
SinkCall call_of(std::string_view method, std::string_view target);
// The answer depends on the request's body; that of any other call may be dropped unread.
bool needs_body(SinkCall);

struct SinkAnswer {
  int status = 200;
  std::string body;
  std::string error_code;  // for X-Error-Code, empty for none
  std::string_view type = "application/json";
  std::string fields;      // more lines for the head, each with its end
  std::uint64_t size = 0;  // of what a HEAD is about
};
// A body that is not what the call wants is answered 400.
SinkAnswer answer_of(const SinkHub&, SinkCall, std::string_view target, std::string_view body);
