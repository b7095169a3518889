#include "engine/s3/content_type.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "io/ascii.h"

namespace headrace {
namespace {

using Row = std::pair<std::string_view, std::string_view>;

// Sorted by the ending.
constexpr std::array rows = {
    Row{"7z", "application/x-7z-compressed"},
    Row{"aac", "audio/aac"},
    Row{"avi", "video/x-msvideo"},
    Row{"avif", "image/avif"},
    Row{"bmp", "image/bmp"},
    Row{"bz2", "application/x-bzip2"},
    Row{"c", "text/x-csrc"},
    Row{"cc", "text/x-c++src"},
    Row{"cpp", "text/x-c++src"},
    Row{"css", "text/css"},
    Row{"csv", "text/csv"},
    Row{"doc", "application/msword"},
    Row{"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    Row{"epub", "application/epub+zip"},
    Row{"flac", "audio/flac"},
    Row{"gif", "image/gif"},
    Row{"gz", "application/gzip"},
    Row{"h", "text/x-chdr"},
    Row{"htm", "text/html"},
    Row{"html", "text/html"},
    Row{"ico", "image/vnd.microsoft.icon"},
    Row{"jpeg", "image/jpeg"},
    Row{"jpg", "image/jpeg"},
    Row{"js", "text/javascript"},
    Row{"json", "application/json"},
    Row{"jsonl", "application/jsonl"},
    Row{"log", "text/plain"},
    Row{"m4a", "audio/mp4"},
    Row{"md", "text/markdown"},
    Row{"mjs", "text/javascript"},
    Row{"mkv", "video/x-matroska"},
    Row{"mov", "video/quicktime"},
    Row{"mp3", "audio/mpeg"},
    Row{"mp4", "video/mp4"},
    Row{"mpeg", "video/mpeg"},
    Row{"odt", "application/vnd.oasis.opendocument.text"},
    Row{"ogg", "audio/ogg"},
    Row{"otf", "font/otf"},
    Row{"parquet", "application/vnd.apache.parquet"},
    Row{"pdf", "application/pdf"},
    Row{"png", "image/png"},
    Row{"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    Row{"py", "text/x-python"},
    Row{"rtf", "application/rtf"},
    Row{"sh", "application/x-sh"},
    Row{"svg", "image/svg+xml"},
    Row{"tar", "application/x-tar"},
    Row{"tif", "image/tiff"},
    Row{"tiff", "image/tiff"},
    Row{"toml", "application/toml"},
    Row{"tsv", "text/tab-separated-values"},
    Row{"ttf", "font/ttf"},
    Row{"txt", "text/plain"},
    Row{"wasm", "application/wasm"},
    Row{"wav", "audio/x-wav"},
    Row{"weba", "audio/webm"},
    Row{"webm", "video/webm"},
    Row{"webp", "image/webp"},
    Row{"woff", "font/woff"},
    Row{"woff2", "font/woff2"},
    Row{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    Row{"xml", "application/xml"},
    Row{"xz", "application/x-xz"},
    Row{"yaml", "application/yaml"},
    Row{"yml", "application/yaml"},
    Row{"zip", "application/zip"},
    Row{"zst", "application/zstd"},
};
static_assert(std::ranges::is_sorted(rows, {}, &Row::first));

}  // namespace

std::string_view content_type_of(std::string_view path) {
  constexpr std::string_view unknown = "application/octet-stream";
  std::size_t name = path.rfind('/') + 1;  // 0 where there is none
  std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos || dot <= name) return unknown;  // a hidden file has no ending
  const std::string ending = lowered(path.substr(dot + 1));
  auto found = std::ranges::lower_bound(rows, ending, {}, &Row::first);
  return found != rows.end() && found->first == ending ? found->second : unknown;
}

}  // namespace headrace
