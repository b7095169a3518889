#include "engine/request_log.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace headrace {
namespace {

// A batch call of a few objects fits; what is longer says nothing more to a person.
constexpr std::size_t shown_body_max = 800;

bool is_no_secret(std::string_view name) {
  constexpr std::array<std::string_view, 12> known = {
      "accept",        "accept-encoding", "connection", "content-length",
      "content-range", "content-type",    "expect",     "host",
      "if-match",      "range",           "user-agent", "x-amz-content-sha256"};
  return std::ranges::any_of(known, [&](std::string_view each) { return same_name(each, name); });
}

// Between double quotes of a shell.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\' || c == '$' || c == '`') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "\"";
}

std::string shown_url(const Url& url) { return url.redacted() + (url.query().empty() ? "" : "?…"); }

std::int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace

std::string curl_command(const HttpLeg& leg) {
  std::string command = fmt::format("curl -X {}", leg.method);
  for (const auto& [name, value] : leg.headers) {
    // curl makes these by itself.
    if (same_name(name, "host") || same_name(name, "content-length")) continue;
    bool shown = is_no_secret(name);
    command +=
        " -H " + quoted(fmt::format("{}: {}", name, shown ? redact_text(value) : "<SECRET>"));
  }
  if (leg.proxy) {
    command += " -x " + quoted(leg.proxy->url.origin());
    if (!leg.proxy->authorization.empty()) command += " -U \"<SECRET>\"";
  }
  std::string_view text = leg.body.text();
  if (!text.empty() && text.size() <= shown_body_max) {
    command += " --data-raw " + quoted(redact_text(text, shown_body_max * 2));
  } else if (!leg.body.empty()) {
    command += fmt::format(" --data-binary @{}-BYTES", leg.body.size());
  }
  return command + " " + quoted(shown_url(leg.url));
}

bool RequestLog::is_news(const HttpLink& link) {
  if (link.sealed_with.empty()) return false;
  std::lock_guard lock(mutex_);
  std::string& known = sealed_with_[std::string(link.host)];
  return std::exchange(known, link.sealed_with) != link.sealed_with;
}

std::uint64_t RequestLog::connected(const HttpLink& link) {
  std::uint64_t number = ++connections_;
  if (tells_requests()) {
    tell_(fmt::format("connection {}: {} at {}{}{}", number, link.host, link.address,
                      link.sealed_with.empty() ? "" : ", ", link.sealed_with));
  } else if (tell_ && is_news(link)) {
    tell_(fmt::format("TLS to {}: {}", link.host, link.sealed_with));
  }
  return number;
}

std::uint64_t RequestLog::request_begins(const HttpLeg& leg) {
  std::uint64_t number = ++requests_;
  if (tells_requests()) tell_(fmt::format("request {}: {}", number, curl_command(leg)));
  return number;
}

void RequestLog::request_ended(const HttpLeg& leg, const Result<HttpAnswer>& answer) {
  if (trace_) trace(leg, answer);
  if (!tells_requests()) return;
  std::string line = fmt::format("request {}: ", leg.number);
  std::int64_t took_ms = milliseconds(leg.ended - leg.begun);
  if (answer) {
    std::string id = request_id_of(answer->headers);
    line += fmt::format("{} in {} ms, request id {}, {} bytes", answer->status, took_ms,
                        id.empty() ? "none" : id, answer->body.size());
  } else {
    line += fmt::format("no answer in {} ms: {} ({})", took_ms, answer.error().message,
                        answer.error().code);
  }
  if (leg.connection != 0) {
    line += fmt::format(", connection {}{}", leg.connection, leg.reused ? "" : " (new)");
  }
  tell_(std::move(line));
}

TraceRow RequestLog::row_of(std::uint64_t connection) {
  std::lock_guard lock(mutex_);
  TraceRow& row = rows_[connection];
  if (!row) {
    row = trace_->row(Trace::connections,
                      connection == 0 ? "no connection" : fmt::format("connection {}", connection));
  }
  return row;
}

void RequestLog::trace(const HttpLeg& leg, const Result<HttpAnswer>& answer) {
  TraceRow row = row_of(leg.connection);
  TraceDetails details;
  details.add("method", leg.method).add("url", leg.url.redacted());
  if (!leg.subject.empty()) details.add("subject", leg.subject);
  details.add("request", leg.number).add("bytes", leg.body.size());
  if (answer) {
    details.add("status", static_cast<std::uint64_t>(answer->status));
    details.add("request_id", request_id_of(answer->headers));
  } else {
    details.add("error", answer.error().code);
  }
  bool part = leg.stage == "part";
  // A row holds one request at a time; those that got no connection share one, as moments.
  if (leg.connection == 0) {
    details.add("took_ms", static_cast<std::uint64_t>(milliseconds(leg.ended - leg.begun)));
    trace_->span(row, "wait", "no connection", leg.ended, leg.ended, details);
    return;
  }
  std::string_view stage = leg.stage.empty() ? "request" : leg.stage;
  trace_->span(row, part ? "part" : "control", stage, leg.begun, leg.ended, details);
  if (!leg.reused) trace_->span(row, "wait", "connect", leg.begun, leg.connected);
  Time sent = leg.sent == Time() ? leg.ended : leg.sent;
  // An answer that came early stopped the sending.
  Time answered = leg.answered == Time() ? leg.ended : leg.answered;
  trace_->span(row, "send", "send", leg.connected, std::min(sent, answered));
  if (leg.sent == Time()) return;
  if (answered > sent) trace_->span(row, "wait", "wait for the answer", sent, answered);
  trace_->span(row, "receive", "receive", std::max(answered, sent), leg.ended);
}

}  // namespace headrace
