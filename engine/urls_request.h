// urls_request.h: what an upload to given URLs is asked to do: bytes of a file or of memory, cut
// into parts of one size, each by one PUT to its own URL. A value; the front door takes it.
//
// Who has the URLs has negotiated them, and does what follows with the parts' tags, which the
// result lists in order. Bytes in memory are lent: they stay as they are until the job has ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace headrace {

struct UrlsRequest {
  std::string path;                   // of a regular file; empty: the bytes are in memory
  std::span<const std::byte> memory;  // then these
  std::uint64_t offset = 0;           // where in them the upload begins
  std::uint64_t length = 0;           // 0: to their end
  std::uint64_t part_size = 0;        // of each part but the last
  std::vector<std::string> urls;      // of all parts, in order; one for no bytes at all
  std::uint32_t connections = 0;      // at once; 0: as the engine has it
};

}  // namespace headrace
