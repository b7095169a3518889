#include "net/http_client.h"

#include <algorithm>

#include <fmt/format.h>

#include "io/worker.h"
#include "net/proxy_error.h"
#include "net/retry.h"

namespace headrace {
namespace {

constexpr int redirects_max = 5;
// What a person can still read in an error.
constexpr std::size_t server_message_size_max = 500;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool carries_length(const HttpRequest& request) {
  return !request.body.empty() || request.method == "POST" || request.method == "PUT" ||
         request.method == "PATCH";
}

// `error` with all that a request knows about itself.
Error filled(Error error, const HttpRequest& request, const Url& url) {
  if (error.host.empty()) error.host = url.authority();
  return std::move(error).at(request.stage).on_url(request.method, url.redacted());
}

// Whoever passes a request on is who closes, cuts or garbles the connection. What has a stage was
// told before, or did not happen on the wire.
Error told_of(const Route& route, Error error) {
  if (!error.stage.empty() || error.kind == ErrorClass::changed) return error;
  if (route.forwarded() && error.host.empty()) error.host = route.proxy->url.endpoint();
  return through_proxy(std::move(error), *route.proxy);
}

std::string_view between(std::string_view text, std::string_view open, std::string_view close) {
  std::size_t begin = text.find(open);
  if (begin == std::string_view::npos) return {};
  begin += open.size();
  std::size_t end = text.find(close, begin);
  return end == std::string_view::npos ? std::string_view() : text.substr(begin, end - begin);
}

std::string message_in(const HttpAnswer& answer) {
  std::string_view body = answer.body;
  std::string_view message = between(body, "<Message>", "</Message>");
  if (!message.empty()) {
    std::string_view code = between(body, "<Code>", "</Code>");
    std::string text = code.empty() ? std::string(message) : fmt::format("{}: {}", code, message);
    return redact_text(text, server_message_size_max);
  }
  std::string_view type = answer.headers.value_or("content-type", "");
  std::size_t begin = body.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || body[begin] == '<' || type.contains("html")) return {};
  std::size_t end = body.find_last_not_of(" \t\r\n");
  return redact_text(body.substr(begin, end - begin + 1), server_message_size_max);
}

}  // namespace

HttpClient::HttpClient(Worker& worker, Resolver& resolver)
    : HttpClient(worker, resolver, Options()) {}
HttpClient::HttpClient(Worker& worker, Resolver& resolver, Options options)
    : worker_(worker),
      options_(std::move(options)),
      connector_(worker, resolver, options_.network),
      pool_(options_.pool) {}

Task<Result<HttpAnswer>> HttpClient::send(Scope& scope, HttpRequest& request) {
  Leg leg{.url = request.url, .headers = request.headers};
  for (int redirects = 0;; ++redirects) {
    Result<HttpAnswer> answer = co_await send_leg(scope, request, leg);
    if (!answer) co_return fail(filled(std::move(answer.error()), request, leg.url));
    answer->final_url = leg.url;
    if (!request.follow_redirects || !is_redirect(answer->status)) co_return answer;
    Status redirected;
    if (redirects == redirects_max) {
      redirected = fail(make_error(ErrorClass::fail, "too_many_redirects",
                                   fmt::format("more than {} redirects", redirects_max)));
    } else {
      redirected = redirect(request, *answer, leg);
    }
    if (redirected) continue;
    redirected.error().status = answer->status;
    redirected.error().address = answer->address;
    redirected.error().request_id = request_id_of(answer->headers);
    co_return fail(filled(std::move(redirected.error()), request, leg.url));
  }
}

Status HttpClient::redirect(const HttpRequest& request, const HttpAnswer& answer, Leg& leg) const {
  bool keeps_method = answer.status == 307 || answer.status == 308;
  if (!keeps_method && request.method != "GET" && request.method != "HEAD") {
    return fail(
        make_error(ErrorClass::fail, "redirect_refused",
                   fmt::format("{} redirects a {} with status {}, which would lose the request",
                               leg.url.authority(), request.method, answer.status)));
  }
  std::optional<std::string_view> location = answer.headers.find("location");
  if (!location) {
    return fail(make_error(ErrorClass::fail, "redirect_refused",
                           fmt::format("{} redirects to nowhere", leg.url.authority())));
  }
  Result<Url> target = leg.url.resolve(*location);
  if (!target) return std::unexpected(std::move(target.error()));
  if (!same_origin(*target, leg.url)) {
    for (std::string_view secret : {"authorization", "cookie", "proxy-authorization"}) {
      leg.headers.remove(secret);
    }
  }
  leg.url = std::move(*target);
  return {};
}

Task<Result<HttpAnswer>> HttpClient::send_leg(Scope& scope, const HttpRequest& request,
                                              const Leg& leg) {
  co_await close_surplus(scope);
  Result<const ProxyServer*> proxy = options_.network.proxies.choose(leg.url);
  if (!proxy) co_return std::unexpected(std::move(proxy.error()));
  Route route{leg.url, *proxy};
  Headers fields = fields_of(request, leg);
  ++in_use_;
  Result<HttpAnswer> answer = co_await send_on(scope, request, route, fields);
  --in_use_;
  co_await close_surplus(scope);
  if (!route.proxy) co_return answer;
  if (!answer) co_return fail(told_of(route, std::move(answer.error())));
  if (route.forwarded() && proxy_spoke(answer->status, answer->headers)) {
    Error error = error_of_proxy(route, {.status = answer->status,
                                         .headers = answer->headers,
                                         .body = answer->body,
                                         .now_unix_s = worker_.backend().wall_seconds()});
    co_return fail(std::move(error).from(answer->address));
  }
  co_return answer;
}

Task<Result<HttpAnswer>> HttpClient::send_on(Scope& scope, const HttpRequest& request,
                                             const Route& route, const Headers& fields) {
  Result<std::string> head = route.head_of(request.method, fields);
  if (!head) co_return std::unexpected(std::move(head.error()));
  HttpLeg told{.stage = request.stage,
               .subject = request.subject,
               .method = request.method,
               .url = route.target,
               .headers = fields,
               .body = request.body,
               .proxy = route.proxy};
  HttpObserver* observer = options_.network.observer;
  if (observer) {
    told.begun = worker_.now();
    told.number = observer->request_begins(told);
  }
  Result<HttpAnswer> answer = co_await send_head(scope, request, route, *head, told);
  if (observer) {
    told.ended = worker_.now();
    observer->request_ended(told, answer);
  }
  co_return answer;
}

Task<Result<HttpAnswer>> HttpClient::send_head(Scope& scope, const HttpRequest& request,
                                               const Route& route, const std::string& head,
                                               HttpLeg& told) {
  const std::string key = route.key();
  bool pooled = request.idempotent && !request.new_connection;
  while (true) {
    std::unique_ptr<Connection> connection = pooled ? pool_.take(key, worker_.now()) : nullptr;
    if (!connection) {
      co_await close_surplus(scope);
      Result<std::unique_ptr<Connection>> made = co_await connect(scope, route, request.deadlines);
      if (!made) co_return std::unexpected(std::move(made.error()));
      connection = std::move(*made);
      connection->key = key;
    }
    told.connection = connection->number;
    told.reused = connection->reused;
    told.connected = worker_.now();
    Exchange exchange(*connection, {.head = head,
                                    .body = request.body,
                                    .host = route.target.authority(),
                                    .deadlines = request.deadlines,
                                    .answer_size_max = request.answer_size_max,
                                    .answers = options_.network.answers,
                                    .observer = request.observer,
                                    .rate_limit = options_.network.rate_limit,
                                    .asks_head = request.method == "HEAD",
                                    .expect_continue = request.expect_continue});
    running_.push_back(&exchange);
    Result<HttpAnswer> answer = co_await exchange.run(scope);
    std::erase(running_, &exchange);
    told.sent = exchange.sent_at();
    told.answered = exchange.answered_at();
    if (exchange.reusable()) {
      pool_.put(std::move(connection), worker_.now());
      co_return answer;
    }
    bool silent = !answer && !exchange.answer_started();
    if (silent && broke_off(answer.error()) && !route.proxy && !route.target.secure()) {
      answer = fail(std::move(answer.error())
                        .hinting("if the server speaks TLS at this port, write https://"));
    }
    bool stale = silent && connection->reused && broke_off(answer.error());
    co_await connection->stream->close(scope);
    if (!stale || scope.cancelled()) co_return answer;
    pooled = false;
  }
}

Task<Result<std::unique_ptr<Connection>>> HttpClient::connect(Scope& scope, const Route& route,
                                                              const Deadlines& deadlines) {
  Result<std::unique_ptr<Stream>> stream = co_await connector_.connect(scope, route, deadlines);
  if (!stream) co_return std::unexpected(std::move(stream.error()));
  auto connection = std::make_unique<Connection>();
  connection->stream = std::move(*stream);
  HttpObserver* observer = options_.network.observer;
  if (!observer) co_return connection;
  const std::string host = (route.forwarded() ? route.proxy->url : route.target).endpoint();
  const std::string address = connection->stream->address();
  const std::string sealed_with = connection->stream->sealed_with();
  connection->number =
      observer->connected({.host = host, .address = address, .sealed_with = sealed_with});
  co_return connection;
}

Headers HttpClient::fields_of(const HttpRequest& request, const Leg& leg) const {
  Headers fields{{"host", leg.url.authority()}};
  for (const auto& [name, value] : leg.headers) fields.add(name, value);
  if (!fields.find("user-agent")) fields.add("user-agent", options_.user_agent);
  if (!fields.find("accept")) fields.add("accept", "*/*");
  fields.set("accept-encoding", "identity");
  if (carries_length(request)) fields.set("content-length", std::to_string(request.body.size()));
  if (request.expect_continue) fields.set("expect", "100-continue");
  return fields;
}

void HttpClient::look() {
  for (Exchange* exchange : running_) exchange->look();
}

std::size_t HttpClient::idle_max() const {
  if (needs_.empty()) return SIZE_MAX;
  std::size_t needed = 0;
  for (const Need* need : needs_) {
    needed += std::min(need->connections_, SIZE_MAX - needed);
  }
  return needed - std::min(needed, in_use_);
}

Task<void> HttpClient::close_surplus(Scope& scope) {
  while (std::unique_ptr<Connection> old = pool_.take_surplus(worker_.now(), idle_max())) {
    co_await old->stream->close(scope);
  }
}

Task<void> HttpClient::close_idle(Scope& scope) {
  while (std::unique_ptr<Connection> idle = pool_.take_any()) {
    co_await idle->stream->close(scope);
  }
}

std::string request_id_of(const Headers& headers) {
  for (std::string_view name : {"x-request-id", "x-amzn-request-id", "x-amz-request-id",
                                "x-amzn-trace-id", "x-amz-cf-id"}) {
    if (std::optional<std::string_view> id = headers.find(name)) return redact_text(*id, 200);
  }
  return {};
}

Error error_of_answer(const HttpAnswer& answer, const HttpRequest& request,
                      std::int64_t now_unix_s) {
  Error error = make_error(class_of_status(answer.status), "http_status",
                           fmt::format("{} answered {} {}", answer.final_url.authority(),
                                       answer.status, reason_of(answer.status)));
  error.status = answer.status;
  error.address = answer.address;
  error.request_id = request_id_of(answer.headers);
  error.server_message = message_in(answer);
  error.retry_after_ms = wait_asked_ms(answer.headers, now_unix_s);
  return filled(std::move(error), request, answer.final_url);
}

}  // namespace headrace
