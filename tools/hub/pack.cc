#include "tools/hub/pack.h"

#include <set>

#include <zlib.h>

#include "io/check.h"
#include "tools/hub/encoding.h"

namespace headrace::hub {
namespace {

void append_number(std::string& pack, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) pack += static_cast<char>((number >> shift) & 0xff);
}

// Type and size: four bits of the size beside the type, then seven a byte, least first.
void append_head(std::string& pack, ObjectType type, std::uint64_t size) {
  unsigned code = type == ObjectType::commit ? 1 : type == ObjectType::tree ? 2 : 3;
  auto byte = static_cast<unsigned>(code << 4 | (size & 15));
  for (size >>= 4; size > 0; size >>= 7) {
    pack += static_cast<char>(byte | 0x80);
    byte = static_cast<unsigned>(size & 0x7f);
  }
  pack += static_cast<char>(byte);
}

void append_deflated(std::string& pack, const std::string& bytes) {
  uLongf size = compressBound(bytes.size());
  std::size_t start = pack.size();
  pack.resize(start + size);
  // The fastest level: what is uploaded here is mostly read back once.
  int code = compress2(reinterpret_cast<Bytef*>(pack.data() + start), &size,
                       reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), Z_BEST_SPEED);
  CHECK(code == Z_OK);
  pack.resize(start + size);
}

}  // namespace

std::string make_pack(std::span<const GitObject> objects) {
  // The same content may come twice, and a pack names an object once.
  std::set<std::string_view> seen;
  std::string entries;
  for (const GitObject& object : objects) {
    if (!seen.insert(object.id).second) continue;
    append_head(entries, object.type, object.bytes.size());
    append_deflated(entries, object.bytes);
  }
  std::string pack = "PACK";
  append_number(pack, 2);
  append_number(pack, static_cast<std::uint32_t>(seen.size()));
  pack += entries;
  Digest digest(Digest::Kind::sha1);
  digest.update(pack);
  return pack + unhex(digest.finish_hex()).value_or("");
}

}  // namespace headrace::hub
