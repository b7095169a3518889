#include "net/url.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "io/ascii.h"

namespace headrace {
namespace {

// Longer than any URL seen: pre-signed ones reach 2 KiB. The request line must fit the 64 KiB
// that servers read as a head.
constexpr std::size_t url_size_max = 32 * 1024;

std::unexpected<Error> bad_url(std::string_view why, std::string_view text) {
  return fail(make_error(ErrorClass::fail, "bad_url",
                         fmt::format("{}: '{}'", why, redact_url(text.substr(0, 200)))));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return lowered(c) >= 'a' && lowered(c) <= 'z'; }
bool is_hex(char c) { return is_digit(c) || (lowered(c) >= 'a' && lowered(c) <= 'f'); }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

// The length of "scheme" where `text` begins with "scheme:", else 0.
std::size_t scheme_length(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && (is_alpha(text[end]) || is_digit(text[end]) || text[end] == '+' ||
                               text[end] == '-' || text[end] == '.')) {
    ++end;
  }
  return end > 0 && end < text.size() && text[end] == ':' && is_alpha(text[0]) ? end : 0;
}

bool is_name(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
  });
}

bool is_ipv6_literal(std::string_view host) {
  return std::ranges::count(host, ':') >= 2 &&
         std::ranges::all_of(host, [](char c) { return is_hex(c) || c == ':' || c == '.'; });
}

// Fills host and port from "host[:port]" or "[v6][:port]"; false where it is neither.
bool split_authority(std::string_view authority, Url& url) {
  std::string_view port_text;
  std::string_view host;
  if (authority.starts_with('[')) {
    std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return false;
    host = authority.substr(1, close - 1);
    port_text = authority.substr(close + 1);
    if (!is_ipv6_literal(host)) return false;
  } else {
    host = authority.substr(0, authority.find(':'));
    port_text = authority.substr(host.size());
    if (!is_name(host)) return false;
  }
  url.host = lowered(host);
  url.port = default_port(url.scheme);
  if (port_text.empty() || port_text == ":") return true;
  if (port_text.front() != ':') return false;
  const char* end = port_text.data() + port_text.size();
  auto [stop, errc] = std::from_chars(port_text.data() + 1, end, url.port);
  return errc == std::errc() && stop == end && url.port != 0;
}

constexpr std::string_view hex_digits = "0123456789ABCDEF";

void append_encoded(std::string& out, char c) {
  unsigned char byte = static_cast<unsigned char>(c);
  out += '%';
  out += hex_digits[byte >> 4];
  out += hex_digits[byte & 15];
}

std::string sendable_target(std::string_view text) {
  std::string target;
  if (!text.starts_with('/')) target = "/";
  for (char c : text.substr(0, text.find('#'))) {
    if (c == ' ' || static_cast<unsigned char>(c) >= 0x80) {
      append_encoded(target, c);
    } else {
      target += c;
    }
  }
  return target;
}

// RFC 3986, 5.2.4, on a path that begins with a slash.
std::string without_dot_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    std::size_t end = std::min(path.find('/', 1), path.size());
    std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    if (segment == "/.") {
      if (path.empty()) out += '/';
    } else if (segment == "/..") {
      out.erase(std::min(out.rfind('/'), out.size()));
      if (path.empty()) out += '/';
    } else {
      out += segment;
    }
  }
  return out.empty() ? "/" : out;
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  if (text.size() > url_size_max) return bad_url("this URL is too long", text);
  if (std::ranges::any_of(text, is_control)) return bad_url("control character in a URL", text);
  Url url;
  std::size_t length = scheme_length(text);
  url.scheme = lowered(text.substr(0, length));
  if (url.scheme != "http" && url.scheme != "https") {
    return bad_url("a URL must begin with http:// or https://", text);
  }
  std::string_view rest = text.substr(length + 1);
  if (!rest.starts_with("//")) return bad_url("no host in this URL", text);
  rest.remove_prefix(2);
  std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.contains('@')) return bad_url("user information in a URL is not accepted", text);
  if (!split_authority(authority, url)) return bad_url("no valid host and port in this URL", text);
  url.target = sendable_target(rest.substr(authority.size()));
  return url;
}

Result<Url> Url::resolve(std::string_view reference) const {
  if (scheme_length(reference) != 0) return parse(reference);
  if (reference.starts_with("//")) return parse(scheme + ":" + std::string(reference));
  if (std::ranges::any_of(reference, is_control) || reference.size() > url_size_max) {
    return bad_url("not a usable reference", reference);
  }
  reference = reference.substr(0, reference.find('#'));
  Url url = *this;
  if (reference.empty()) return url;
  std::string_view relative = reference.substr(0, reference.find('?'));
  std::string_view asked = reference.substr(relative.size());
  std::string merged(path());
  if (relative.starts_with('/')) {
    merged = without_dot_segments(relative);
  } else if (!relative.empty()) {
    merged.resize(merged.rfind('/') + 1);
    merged = without_dot_segments(merged + std::string(relative));
  }
  url.target = sendable_target(merged + std::string(asked));
  return url;
}

std::string Url::authority() const {
  bool literal = host.contains(':');
  std::string text = literal ? "[" + host + "]" : host;
  if (port != default_port(scheme)) text += fmt::format(":{}", port);
  return text;
}

std::string Url::origin() const { return scheme + "://" + authority(); }

std::string Url::endpoint() const {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string_view Url::path() const { return std::string_view(target).substr(0, target.find('?')); }

std::string_view Url::query() const {
  std::size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

bool same_origin(const Url& a, const Url& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port;
}

std::string percent_encode(std::string_view text, std::string_view keep) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    bool plain = is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain || keep.contains(c)) {
      out += c;
    } else {
      append_encoded(out, c);
    }
  }
  return out;
}

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    if (at + 2 >= text.size() || !is_hex(text[at + 1]) || !is_hex(text[at + 2])) {
      return bad_url("a percent sign without two hex digits", text);
    }
    int value = 0;
    std::from_chars(text.data() + at + 1, text.data() + at + 3, value, 16);
    out += static_cast<char>(value);
    at += 2;
  }
  return out;
}

}  // namespace headrace
