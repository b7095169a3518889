// event_json.h: events, outcomes and findings as JSON: what `--json` prints and the C door hands
// out.
//
// Each is one object in one line, without its newline: {"v":1,"seq":N,"event":NAME,…}; the fields
// are listed in tools/doc/cli.md. Every field stands there, null where it is not known, so that a
// reader needs no second guess. Names on disk may be any bytes: what is not UTF-8 becomes U+FFFD.
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/copy_request.h"
#include "engine/doctor.h"
#include "engine/event.h"
#include "engine/result.h"

namespace headrace {

std::string event_json(const Event& event, std::uint64_t sequence);
// The end of an upload; `dry_run` ones have no URL.
std::string result_json(const UploadResult& result, bool dry_run, std::uint64_t sequence);
// The end of whatever else succeeded: its fields, null where empty.
std::string result_json(const std::vector<std::pair<std::string, std::string>>& fields,
                        std::uint64_t sequence);
// `exit_code` stands there if it is given.
std::string error_json(const Error& error, std::optional<int> exit_code, std::uint64_t sequence);
std::string finding_json(const Finding& finding, std::uint64_t sequence);
// `address` is s3://BUCKET/KEY.
std::string unfinished_json(const std::string& address, const UnfinishedUpload& upload,
                            std::uint64_t sequence);

}  // namespace headrace
