#include "net/no_proxy.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "io/ascii.h"
#include "net/address.h"

namespace headrace {
namespace {

constexpr std::string_view separators = ", \t\r\n\v\f";

// The whole of `text` as a number up to `max`.
bool read_number(std::string_view text, int max, int& value) {
  const char* end = text.data() + text.size();
  auto [stop, errc] = std::from_chars(text.data(), end, value);
  return errc == std::errc() && stop == end && value >= 0 && value <= max;
}

std::string_view without_last_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

// Fills `bytes` with a numeric address and returns its family; 0 for a name.
int address_bytes(std::string_view host, std::array<std::uint8_t, 16>& bytes) {
  std::string text(host);
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return AF_INET;
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return AF_INET6;
  return 0;
}

// host, port and prefix of `host[:port]`, `v6`, `[v6][:port]`, each with `/prefix` at its end.
struct Parts {
  std::string_view host;
  std::string_view port;
  std::string_view prefix;
};

bool split(std::string_view text, Parts& parts) {
  if (std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    parts.prefix = text.substr(slash + 1);
    text = text.substr(0, slash);
    if (parts.prefix.empty()) return false;
  }
  std::string_view rest;
  if (text.starts_with('[')) {
    std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    parts.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
  } else {
    // Two colons and more are an IPv6 address without brackets, which leaves no room for a port.
    bool has_port = std::ranges::count(text, ':') == 1;
    parts.host = has_port ? text.substr(0, text.find(':')) : text;
    rest = text.substr(parts.host.size());
  }
  if (rest.empty()) return true;
  parts.port = rest.substr(1);
  return rest.starts_with(':') && !parts.port.empty() && parts.prefix.empty();
}

}  // namespace

bool NoProxy::read_host(std::string_view host, std::string_view prefix, Entry& entry) {
  entry.family = address_bytes(host, entry.address);
  if (entry.family != 0) {
    const int bits_max = entry.family == AF_INET ? 32 : 128;
    entry.prefix_bits = bits_max;
    return prefix.empty() || read_number(prefix, bits_max, entry.prefix_bits);
  }
  if (!prefix.empty()) return false;
  if (host.starts_with("*.")) {
    host.remove_prefix(2);
    entry.itself = false;
  } else if (host.starts_with('.')) {
    host.remove_prefix(1);
  }
  entry.name = lowered(without_last_dot(host));
  return !entry.name.empty() && !entry.name.contains(':');
}

bool NoProxy::read_entry(std::string_view text, Entry& entry) {
  if (std::size_t mark = text.find("://"); mark != std::string_view::npos) {
    entry.scheme = lowered(text.substr(0, mark));
    if (entry.scheme == "all") entry.scheme.clear();
    entry.below = false;
    text.remove_prefix(mark + 3);
    if (text.ends_with('/')) text.remove_suffix(1);
  }
  Parts parts;
  if (!split(text, parts)) return false;
  int port = 0;
  if (!parts.port.empty() && !(read_number(parts.port, 65535, port) && port > 0)) return false;
  entry.port = static_cast<std::uint16_t>(port);
  return read_host(parts.host, parts.prefix, entry);
}

NoProxy NoProxy::parse(std::string_view list) {
  NoProxy hosts;
  while (true) {
    std::size_t begin = list.find_first_not_of(separators);
    if (begin == std::string_view::npos) return hosts;
    list.remove_prefix(begin);
    std::string_view text = list.substr(0, list.find_first_of(separators));
    list.remove_prefix(text.size());
    Entry entry;
    if (text == "*") {
      hosts.everything_ = true;
    } else if (read_entry(text, entry)) {
      hosts.entries_.push_back(std::move(entry));
    }
  }
}

bool NoProxy::same_network(const Entry& entry, const Entry& host) {
  if (entry.family != host.family) return false;
  const auto bytes = static_cast<std::size_t>(entry.prefix_bits / 8);
  if (std::memcmp(entry.address.data(), host.address.data(), bytes) != 0) return false;
  const int rest = entry.prefix_bits % 8;
  return rest == 0 || (entry.address[bytes] ^ host.address[bytes]) >> (8 - rest) == 0;
}

bool NoProxy::same_name(const Entry& entry, std::string_view host) {
  if (host == entry.name) return entry.itself;
  return entry.below && host.ends_with(entry.name) && host.size() > entry.name.size() &&
         host[host.size() - entry.name.size() - 1] == '.';
}

bool NoProxy::matches(const Url& url) const {
  if (everything_) return true;
  Entry host;
  host.family = address_bytes(url.host, host.address);
  const std::string name = lowered(without_last_dot(url.host));
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    if (!entry.scheme.empty() && entry.scheme != url.scheme) return false;
    if (entry.port != 0 && entry.port != url.port) return false;
    if (entry.family != 0) return same_network(entry, host);
    return host.family == 0 && same_name(entry, name);
  });
}

}  // namespace headrace
