// sink_s3.h: what the sink says when it is taken for an object store.
//
// Enough for a multipart upload of any S3 client: the upload begins, every part has a tag, and it
// completes. Nothing is kept and nothing is checked. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "bench/sink_hub.h"

// Nothing if the request is none of S3's: its POSTs are told by their query, ?uploads or
// ?uploadId=.
std::optional<SinkAnswer> s3_answer_of(std::string_view method, std::string_view target);
