#include "net/tunnel.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include "io/worker.h"
#include "net/http_parser.h"
#include "net/proxy_error.h"

namespace headrace {
namespace {

constexpr std::size_t answer_head_size_max = 16 * 1024;

// The proxy's answer, and what came behind it.
struct Answer {
  HttpHead head;
  std::string rest;
};

// A stream of which a piece has been read before.
class BegunStream final : public Stream {
 public:
  BegunStream(std::unique_ptr<Stream> stream, std::string begin)
      : stream_(std::move(stream)), begin_(std::move(begin)) {}

  Task<Result<std::size_t>> receive(Scope& scope, std::span<std::byte> into) override {
    if (begin_.empty()) return stream_->receive(scope, into);
    return take_begin(into);
  }
  Task<Status> send(Scope& scope, std::span<const std::byte> bytes, Slice hold) override {
    return stream_->send(scope, bytes, std::move(hold));
  }
  Task<void> close(Scope& scope) override { return stream_->close(scope); }
  std::int64_t unacknowledged() override { return stream_->unacknowledged(); }
  std::string address() const override { return stream_->address(); }
  Duration round_trip() override { return stream_->round_trip(); }
  void pace(std::uint64_t rate) override { stream_->pace(rate); }

 private:
  Task<Result<std::size_t>> take_begin(std::span<std::byte> into) {
    std::size_t size = std::min(into.size(), begin_.size());
    std::ranges::copy(std::as_bytes(std::span(begin_).first(size)), into.begin());
    begin_.erase(0, size);
    co_return size;
  }

  const std::unique_ptr<Stream> stream_;
  std::string begin_;
};

Result<std::string> connect_head(const Route& route) {
  Headers fields{{"host", route.target.endpoint()}, {"user-agent", "headrace/" HEADRACE_VERSION}};
  if (!route.proxy->authorization.empty()) {
    fields.set("proxy-authorization", route.proxy->authorization);
  }
  return write_request_head("CONNECT", route.target.endpoint(), fields);
}

// Feeds what came; true when the head is whole and `answer.rest` holds what is left.
Result<bool> take(HttpParser& parser, std::span<const std::byte> bytes, Answer& answer) {
  while (true) {
    Result<HttpParser::Step> step = parser.feed(bytes);
    if (!step) return std::unexpected(std::move(step.error()));
    bytes = bytes.subspan(step->consumed);
    if (step->event == HttpParser::Event::need_more) return false;
    if (step->event != HttpParser::Event::head) continue;
    answer.head = parser.take_head();
    answer.rest.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  }
}

Task<Result<Answer>> ask(Scope& scope, Stream& stream, const std::string& head) {
  Status sent = co_await stream.send(scope, std::as_bytes(std::span(head)), Slice());
  if (!sent) co_return std::unexpected(std::move(sent.error()));
  HttpParser parser(HttpParser::Direction::answer, {.head_size_max = answer_head_size_max});
  std::array<std::byte, 4096> bytes{};
  Answer answer;
  while (true) {
    Result<std::size_t> got = co_await stream.receive(scope, bytes);
    if (!got) co_return std::unexpected(std::move(got.error()));
    if (*got == 0) {
      Status ended = parser.finish();
      if (!ended) co_return std::unexpected(std::move(ended.error()));
    }
    Result<bool> whole = take(parser, std::span(bytes).first(*got), answer);
    if (!whole) co_return std::unexpected(std::move(whole.error()));
    if (*whole) co_return answer;
  }
}

Error timeout_error(const Route& route, Duration limit) {
  return make_error(
      ErrorClass::retry, "proxy_timeout",
      fmt::format("no tunnel to {} within {:.3g} s", route.target.endpoint(), seconds_of(limit)));
}

// What came behind the answer, if that gives a tunnel.
Task<Result<std::string>> negotiate(Scope& scope, Stream& stream, const Route& route,
                                    Duration limit) {
  Result<std::string> head = connect_head(route);
  if (!head) co_return std::unexpected(std::move(head.error()));
  Scope asking(scope, limit);
  Result<Answer> answer = co_await ask(asking, stream, *head);
  if (!answer) {
    bool late = asking.timed_out() && !scope.cancelled();
    Error error = late ? timeout_error(route, limit) : std::move(answer.error());
    co_return fail(at_proxy(std::move(error), *route.proxy));
  }
  if (answer->head.status / 100 == 2) co_return std::move(answer->rest);
  co_return fail(error_of_proxy(route, {.status = answer->head.status,
                                        .headers = answer->head.headers,
                                        .body = answer->rest,
                                        .now_unix_s = scope.worker().backend().wall_seconds()}));
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> open_tunnel(Scope& scope, std::unique_ptr<Stream> stream,
                                                  const Route& route, Duration limit) {
  Result<std::string> begin = co_await negotiate(scope, *stream, route, limit);
  if (!begin) {
    co_await stream->close(scope);
    co_return fail(std::move(begin.error()).at("proxy"));
  }
  if (begin->empty()) co_return stream;
  co_return std::make_unique<BegunStream>(std::move(stream), std::move(*begin));
}

}  // namespace headrace
