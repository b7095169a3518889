#include "net/http_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include <fmt/format.h>

namespace headrace {
namespace {

constexpr std::array<std::string_view, 12> month_names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::unexpected<Error> bad_header(std::string_view what) {
  return fail(make_error(ErrorClass::fail, "bad_header", what));
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t value = 0;
  auto [stop, errc] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (errc != std::errc() || stop != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// The words of a date, split at blanks, commas, colons and dashes: a day name, then the rest.
struct DateWords {
  std::array<std::string_view, 8> words;
  std::size_t count = 0;
};

DateWords split_date(std::string_view text) {
  DateWords date;
  while (date.count < date.words.size()) {
    std::size_t begin = text.find_first_not_of(" ,:-");
    if (begin == std::string_view::npos) break;
    std::size_t end = std::min(text.find_first_of(" ,:-", begin), text.size());
    date.words[date.count++] = text.substr(begin, end - begin);
    text.remove_prefix(end);
  }
  return date;
}

std::optional<int> month_of(std::string_view name) {
  auto found = std::ranges::find(month_names, name);
  if (found == month_names.end()) return std::nullopt;
  return static_cast<int>(found - month_names.begin());
}

Status append_fields(std::string& out, const Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (!is_http_token(name)) return bad_header("a header field has an invalid name");
    if (!is_field_value(value)) {
      return bad_header(fmt::format("the value of the header field {} may not be sent", name));
    }
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
  }
  out += "\r\n";
  return {};
}

}  // namespace

bool is_http_token(std::string_view text) {
  static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.contains(c);
  });
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\t';
  });
}

std::string_view trimmed(std::string_view text) {
  std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

Result<std::string> write_request_head(std::string_view method, std::string_view target,
                                       const Headers& headers) {
  if (!is_http_token(method)) return bad_header("this is no HTTP method");
  if (target.empty() || target.contains(' ') || !is_field_value(target)) {
    return bad_header("the target of a request may not hold blanks or control characters");
  }
  std::string head = fmt::format("{} {} HTTP/1.1\r\n", method, target);
  Status fields = append_fields(head, headers);
  if (!fields) return std::unexpected(std::move(fields.error()));
  return head;
}

Result<std::string> write_answer_head(int status, const Headers& headers) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_of(status));
  Status fields = append_fields(head, headers);
  if (!fields) return std::unexpected(std::move(fields.error()));
  return head;
}

std::string_view reason_of(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 507:
      return "Insufficient Storage";
    default:
      return status < 400 ? "OK" : "Error";
  }
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  DateWords date = split_date(trimmed(text));
  std::tm tm{};
  std::optional<std::int64_t> day, year, hour, minute, second;
  std::optional<int> month;
  auto read_clock = [&](std::size_t at) {
    hour = parse_number(date.words[at]);
    minute = parse_number(date.words[at + 1]);
    second = parse_number(date.words[at + 2]);
  };
  if (date.count == 8 && date.words[7] == "GMT") {  // Sun, 06 Nov 1994 08:49:37 GMT; or -94
    day = parse_number(date.words[1]);
    month = month_of(date.words[2]);
    year = parse_number(date.words[3]);
    read_clock(4);
  } else if (date.count == 7) {  // Sun Nov  6 08:49:37 1994
    month = month_of(date.words[1]);
    day = parse_number(date.words[2]);
    read_clock(3);
    year = parse_number(date.words[6]);
  }
  if (!day || !month || !year || !hour || !minute || !second) return std::nullopt;
  if (*day < 1 || *day > 31 || *hour > 23 || *minute > 59 || *second > 60 || *year > 9999) {
    return std::nullopt;
  }
  // Two digits are the old form; what lies more than 50 years ahead was meant to be past.
  if (*year < 100) *year += *year < 70 ? 2000 : 1900;
  tm.tm_year = static_cast<int>(*year - 1900);
  tm.tm_mon = *month;
  tm.tm_mday = static_cast<int>(*day);
  tm.tm_hour = static_cast<int>(*hour);
  tm.tm_min = static_cast<int>(*minute);
  tm.tm_sec = static_cast<int>(*second);
  return timegm(&tm);
}

std::string http_date(std::int64_t unix_s) {
  constexpr std::array<std::string_view, 7> days = {"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};
  std::time_t time = unix_s;
  std::tm tm{};
  gmtime_r(&time, &tm);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[static_cast<size_t>(tm.tm_wday)],
                     tm.tm_mday, month_names[static_cast<size_t>(tm.tm_mon)], tm.tm_year + 1900,
                     tm.tm_hour, tm.tm_min, tm.tm_sec);
}

std::optional<std::int64_t> parse_retry_after_ms(std::string_view value, std::int64_t now_unix_s) {
  // A year: beyond it multiplication could overflow, and nobody waits that long.
  constexpr std::int64_t seconds_max = 366 * 86400;
  value = trimmed(value);
  std::optional<std::int64_t> seconds = parse_number(value);
  if (!seconds) {
    std::optional<std::int64_t> date = parse_http_date(value);
    if (!date) return std::nullopt;
    seconds = std::max<std::int64_t>(0, *date - now_unix_s);
  }
  return std::min(*seconds, seconds_max) * 1000;
}

std::optional<std::int64_t> parse_rate_limit_ms(std::string_view value) {
  std::optional<std::int64_t> longest;
  while (!value.empty()) {
    std::string_view item = value.substr(0, value.find(','));
    value.remove_prefix(std::min(item.size() + 1, value.size()));
    std::optional<std::int64_t> left, until_s;
    while (!item.empty()) {
      std::string_view part = item.substr(0, item.find(';'));
      item.remove_prefix(std::min(part.size() + 1, item.size()));
      part = trimmed(part);
      if (part.starts_with("r=")) left = parse_number(part.substr(2));
      if (part.starts_with("t=")) until_s = parse_number(part.substr(2));
    }
    if (left == 0 && until_s && *until_s < 366 * 86400) {
      longest = std::max(longest.value_or(0), *until_s * 1000);
    }
  }
  return longest;
}

std::int64_t wait_asked_ms(const Headers& headers, std::int64_t now_unix_s) {
  std::int64_t wait_ms = -1;
  if (auto value = headers.find("retry-after")) {
    wait_ms = parse_retry_after_ms(*value, now_unix_s).value_or(-1);
  }
  if (auto value = headers.find("ratelimit")) {
    wait_ms = std::max(wait_ms, parse_rate_limit_ms(*value).value_or(-1));
  }
  return wait_ms;
}

}  // namespace headrace
