#include "io/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <strings.h>

namespace headrace {
namespace {

void fill(std::string& field, std::string_view value) {
  if (field.empty()) field = value;
}

ErrorClass class_of_errno(int value) {
  switch (value) {
    case ECONNRESET:
    case ECONNREFUSED:
    case ECONNABORTED:
    case EPIPE:
    case ETIMEDOUT:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EAGAIN:
    case ENOBUFS:
      return ErrorClass::retry;
    case ECANCELED:
      return ErrorClass::cancelled;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
      return ErrorClass::limit;
    default:
      return ErrorClass::fail;
  }
}

bool is_token_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.' ||
         c == '=' || c == '/' || c == '+' || c == '~';
}

// The length of the secret that begins at `at`, 0 if none does; `keep` is how much of it is a
// label that may stay.
std::size_t secret_at(std::string_view text, std::size_t at, std::size_t& keep) {
  constexpr std::array<std::string_view, 6> labels = {"hf_",    "Bearer ", "bearer ",
                                                      "Basic ", "basic ",  "api_org_"};
  for (std::string_view label : labels) {
    if (!text.substr(at).starts_with(label)) continue;
    if (label.back() == '_' && at > 0 && is_token_char(text[at - 1])) continue;
    std::size_t end = at + label.size();
    while (end < text.size() && is_token_char(text[end])) ++end;
    if (end - at - label.size() < 4) continue;
    keep = label.size();
    return end - at;
  }
  return 0;
}

// The end of the URL that begins at `at`, or `at`. Quotes and angles alone end it: a bracket may
// stand in a query, and what is cut too much is no secret told.
std::size_t url_end(std::string_view text, std::size_t at) {
  std::string_view rest = text.substr(at);
  std::size_t scheme = 4;
  if (strncasecmp(rest.data(), "http", std::min<std::size_t>(rest.size(), 4)) != 0) return at;
  if (rest.size() > scheme && (rest[scheme] == 's' || rest[scheme] == 'S')) ++scheme;
  if (!rest.substr(std::min(scheme, rest.size())).starts_with("://")) return at;
  std::size_t length = rest.find_first_of(" \t\r\n\"<>");
  return length == std::string_view::npos ? text.size() : at + length;
}

// Whether an authority without `@` could still hold a password, as a `/`, `?` or `#` in one would
// have cut it in two: what stands behind its last colon is no port then.
bool may_be_half_a_password(std::string_view authority) {
  std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.starts_with('[')) return false;
  return authority.find_first_not_of("0123456789", colon + 1) != std::string_view::npos;
}

void append_plain(std::string& out, std::string_view text) {
  for (char each : text) {
    auto c = static_cast<unsigned char>(each);
    if (c == '\n' || c == '\t' || c >= 0x20) {
      out += each;
    } else {
      out += fmt::format("\\x{:02x}", c);
    }
  }
}

}  // namespace

std::string_view name_of(ErrorClass kind) {
  switch (kind) {
    case ErrorClass::retry:
      return "retry";
    case ErrorClass::fail:
      return "fail";
    case ErrorClass::expired:
      return "expired";
    case ErrorClass::changed:
      return "changed";
    case ErrorClass::cancelled:
      return "cancelled";
    case ErrorClass::limit:
      return "limit";
  }
  return "fail";
}

Error Error::at(std::string_view stage_name) && {
  fill(stage, stage_name);
  return std::move(*this);
}

Error Error::from(std::string_view numeric_address) && {
  fill(address, numeric_address);
  return std::move(*this);
}

Error Error::on_path(std::string_view local_or_repo_path) && {
  fill(path, local_or_repo_path);
  return std::move(*this);
}

Error Error::on_url(std::string_view method_name, std::string_view any_url) && {
  fill(method, method_name);
  fill(url, redact_url(any_url));
  return std::move(*this);
}

Error Error::hinting(std::string_view what_to_do) && {
  fill(hint, what_to_do);
  return std::move(*this);
}

Error make_error(ErrorClass kind, std::string_view code, std::string_view message) {
  Error error;
  error.kind = kind;
  error.code = code;
  error.message = redact_text(message);
  return error;
}

Error system_error(std::string_view code, std::string_view what, int errno_value) {
  Error error = make_error(class_of_errno(errno_value), code,
                           fmt::format("{}: {}", what, std::strerror(errno_value)));
  error.sys_error = errno_value;
  return error;
}

std::string redact_url(std::string_view url) {
  std::string text(url.substr(0, url.find_first_of("?#")));
  std::size_t authority = text.find("://");
  if (authority == std::string::npos) return text;
  authority += 3;
  std::size_t path = std::min(text.find('/', authority), text.size());
  std::size_t at = text.rfind('@', path);
  if (at != std::string::npos && at >= authority && at < path) {
    text.erase(authority, at + 1 - authority);
  } else if (may_be_half_a_password(std::string_view(text).substr(authority, path - authority))) {
    text.replace(authority, std::string::npos, "…");
  }
  return text;
}

std::string redact_text(std::string_view text, std::size_t size_max) {
  std::string clean;
  for (std::size_t at = 0; at < text.size() && clean.size() < size_max;) {
    std::size_t keep = 0;
    if (std::size_t end = url_end(text, at); end != at) {
      std::string_view whole = text.substr(at, end - at);
      append_plain(clean, redact_url(whole));
      if (whole.find('?') != std::string_view::npos) clean += "?…";
      at = end;
    } else if (std::size_t length = secret_at(text, at, keep); length != 0) {
      clean += text.substr(at, keep);
      clean += "***";
      at += length;
    } else {
      append_plain(clean, text.substr(at++, 1));
    }
  }
  if (clean.size() >= size_max) {
    std::size_t cut = size_max;
    while (cut > 0 && (static_cast<unsigned char>(clean[cut]) & 0xc0) == 0x80) --cut;
    clean.resize(cut);
    clean += "…";
  }
  return clean;
}

std::string describe(const Error& error) {
  std::string text = fmt::format("error: {}", error.message);
  std::string where = error.stage;
  auto add = [&where](std::string_view part) {
    if (part.empty()) return;
    if (!where.empty()) where += ", ";
    where += part;
  };
  add(error.path);
  if (error.part > 0) add(fmt::format("part {}", error.part));
  if (!error.url.empty()) {
    add(fmt::format("{} {}", error.method, error.url));
  } else {
    add(error.host);
  }
  add(error.address == error.host ? std::string_view() : error.address);
  if (error.status != 0) add(fmt::format("status {}", error.status));
  if (!error.request_id.empty()) add(fmt::format("request id {}", error.request_id));
  if (error.attempts > 1) add(fmt::format("{} tries", error.attempts));
  if (!where.empty()) text += "\n  where: " + where;
  if (!error.server_message.empty()) text += "\n  the server said: " + error.server_message;
  if (!error.hint.empty()) text += "\n  next: " + error.hint;
  text += fmt::format("\n  code: {}", error.code);
  return text;
}

}  // namespace headrace
