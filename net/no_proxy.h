// no_proxy.h: NoProxy, the hosts that NO_PROXY keeps away from a proxy. Pure; a value type.
//
// Nobody standardised the list, and the clients people know read it differently. What one of
// curl 7.88, requests 2.32 and httpx2 2.16 takes for a match is one here, since whoever wrote it
// meant it; tests/net/no_proxy_test.cc has their table, and tests/peers asks them. Entries stand
// between commas or blanks, without case, a dot at the end of a name ignored:
//   *                    everything, wherever in the list it stands
//   example.com          that name and all below it; so does .example.com (curl, requests)
//   *.example.com        only what is below it (httpx2)
//   192.0.2.7, ::1       that address, however it is written; [::1] is the same
//   10.0.0.0/8, fd00::/8 a network, bits behind the prefix ignored; [fd00::]/8 too (httpx2)
//   name:8080, [::1]:80  any of these but networks, at that port only: the one the request goes
//                        to, written or not
//   https://example.com  exactly that host, for that scheme only (httpx2)
// An address never matches the end of a name, and a name is not looked up to be matched against an
// address. Loopback is nothing special, since it isn't to any of the three. An entry that cannot
// be read is skipped, as all of them do; nothing here fails.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/url.h"

namespace headrace {

class NoProxy {
 public:
  static NoProxy parse(std::string_view list);
  bool matches(const Url& url) const;
  bool empty() const { return !everything_ && entries_.empty(); }

 private:
  struct Entry {
    std::string scheme;      // empty: any
    std::string name;        // empty: `address` counts
    bool itself = true;      // the name matches,
    bool below = true;       // and so does what is below it
    std::uint16_t port = 0;  // 0: any
    int family = 0;
    std::array<std::uint8_t, 16> address{};
    int prefix_bits = 0;
  };
  static bool read_entry(std::string_view text, Entry& entry);
  static bool read_host(std::string_view host, std::string_view prefix, Entry& entry);
  static bool same_network(const Entry& entry, const Entry& host);
  static bool same_name(const Entry& entry, std::string_view host);

  bool everything_ = false;
  std::vector<Entry> entries_;
};

}  // namespace headrace
