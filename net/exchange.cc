#include "net/exchange.h"

#include <fmt/format.h>

#include "io/worker.h"

namespace headrace {
namespace {

// Most answers are a few hundred bytes; the largest (a batch with part URLs) come in megabytes.
constexpr std::size_t receive_buffer_size_bytes = 16 * 1024;
// A small body goes in one segment with its head. It is copied, so only what we own and made.
constexpr std::size_t joined_body_size_max = 16 * 1024;
// A length an answer states is not yet memory it gets.
// How often one asks again.
constexpr Duration room_period = 10ms;
// Many connections wait long for their turns of a small limit; the watchdog hears of it so often.
constexpr Duration turn_step = 1s;

Error too_large(const std::string& host, std::size_t size_max) {
  return make_error(ErrorClass::fail, "answer_too_large",
                    fmt::format("the answer of {} is larger than {} bytes", host, size_max))
      .hinting("look whether the endpoint is a Hub");
}

}  // namespace

bool broke_off(const Error& error) {
  return error.code == "connection_closed" || error.code == "receive_failed" ||
         error.code == "send_failed" || error.code == "tls_truncated";
}

Task<Result<HttpAnswer>> Exchange::run(Scope& parent) {
  connection_.parser.start(request_.asks_head);
  connection_.buffer.resize(receive_buffer_size_bytes);
  Scope scope(parent);
  Scope sending(scope);
  Scope receiving(scope);
  Watchdog watchdog(scope, *connection_.stream, request_.deadlines);
  if (request_.observer) request_.observer->begins(connection_.stream->address());
  watchdog_ = &watchdog;
  sending_ = &sending;
  receiving_ = &receiving;
  sending.spawn(send_all(sending));
  Result<HttpAnswer> answer = co_await receive_answer(receiving);
  if (!answer) sending.cancel();
  co_await sending.join();
  reusable_ = answer && keep_alive_ && send_status_ && !surplus_;
  std::string address = connection_.stream->address();
  if (!answer) {
    Error error = judge(std::move(answer.error()), parent.cancelled());
    if (!body_failed_) error.address = std::move(address);
    co_return fail(std::move(error));
  }
  answer->address = std::move(address);
  co_return answer;
}

// Of several things that went wrong, the one that came first.
Error Exchange::judge(Error received, bool parent_cancelled) const {
  if (parent_cancelled) {
    return make_error(ErrorClass::cancelled, "cancelled",
                      fmt::format("cancelled while speaking to {}", request_.host));
  }
  if (watchdog_->fired()) return stalled_error();
  bool answer_unusable = !broke_off(received) && received.kind != ErrorClass::cancelled;
  if (!send_status_ && send_status_.error().kind != ErrorClass::cancelled && !answer_unusable) {
    return send_status_.error();
  }
  return received;
}

// Who stood still, for how long, and how far it had come.
Error Exchange::stalled_error() const {
  std::string address = connection_.stream->address();
  std::string who = request_.host;
  if (!address.empty() && address != who) who += fmt::format(" ({})", address);
  double limit_s = seconds_of(watchdog_->limit());
  switch (watchdog_->phase()) {
    case Watchdog::Phase::send:
      return make_error(ErrorClass::retry, "stalled",
                        fmt::format("{} took no bytes for {:.3g} s, after {} of {} bytes", who,
                                    limit_s, body_sent_, request_.body.size()));
    case Watchdog::Phase::first_byte:
      return make_error(ErrorClass::retry, "first_byte_timeout",
                        fmt::format("{} did not answer within {:.3g} s after {} bytes", who,
                                    limit_s, body_sent_));
    case Watchdog::Phase::receive:
      break;
  }
  return make_error(
      ErrorClass::retry, "stalled",
      fmt::format("{} sent no bytes for {:.3g} s in the middle of its answer", who, limit_s));
}

void Exchange::look() {
  if (!request_.observer) return;
  Stream& stream = *connection_.stream;
  request_.observer->line(
      {.round_trip = stream.round_trip(), .unacknowledged = stream.unacknowledged()});
}

Task<void> Exchange::send_all(Scope& sending) {
  BodyReader reader(sending, request_.body);
  send_status_ = reader.start();
  body_failed_ = !send_status_;
  if (send_status_) {
    Status sent = co_await send_pieces(sending, reader);
    send_status_ = std::move(sent);
  }
  co_await reader.stop();
  send_over_ = true;
  if (send_status_) sent_at_ = sending.worker().now();
  if (send_status_ && !head_seen_) watchdog_->enter(Watchdog::Phase::first_byte);
  if (body_failed_) receiving_->cancel();
}

Task<Status> Exchange::send_pieces(Scope& sending, BodyReader& reader) {
  Stream& stream = *connection_.stream;
  Piece piece;
  bool joined = !request_.expect_continue && request_.body.size() <= joined_body_size_max;
  if (joined) {
    Result<Piece> first = co_await reader.next();
    body_failed_ = !first;
    if (!first) co_return std::unexpected(std::move(first.error()));
    piece = std::move(*first);
    if (!piece.hold) {
      request_.head.append(reinterpret_cast<const char*>(piece.bytes.data()), piece.bytes.size());
      body_sent_ = piece.bytes.size();
      piece = Piece();
    }
  }
  Status status = co_await stream.send(sending, std::as_bytes(std::span(request_.head)), Slice());
  if (!status) co_return status;
  watchdog_->progress();
  if (request_.expect_continue) {
    bool go_on = co_await may_continue(sending);
    if (!go_on) {
      co_return fail(make_error(ErrorClass::cancelled, "cancelled", "answered before the body"));
    }
  }
  while (true) {
    if (body_sent_ > 0 && request_.observer) request_.observer->body_sent(body_sent_);
    if (piece.bytes.empty()) {
      Result<Piece> next = co_await reader.next();
      body_failed_ = !next && next.error().kind != ErrorClass::cancelled;
      if (!next) co_return std::unexpected(std::move(next.error()));
      piece = std::move(*next);
    }
    if (piece.bytes.empty()) co_return Status();
    std::span<const std::byte> bytes = piece.bytes;
    pace();
    if (request_.rate_limit && request_.rate_limit->rate() > 0) {
      bytes = bytes.first(std::min(bytes.size(), request_.rate_limit->piece_max()));
      bool on_time = co_await wait_for_turn(sending, bytes.size());
      if (!on_time) {
        co_return fail(make_error(ErrorClass::cancelled, "cancelled",
                                  "cancelled while the rate limit held bytes back"));
      }
    }
    piece.bytes = piece.bytes.subspan(bytes.size());
    Slice hold = piece.bytes.empty() ? std::exchange(piece.hold, Slice()) : piece.hold;
    status = co_await stream.send(sending, bytes, std::move(hold));
    if (!status) co_return status;
    body_sent_ += bytes.size();
    watchdog_->progress();
  }
}

// The limit is on what goes into the kernel. What has piled up there, as the line was slower than
// the limit for a while, would else leave at once.
void Exchange::pace() {
  std::uint64_t rate = request_.rate_limit ? request_.rate_limit->pace() : 0;
  if (rate == connection_.paced) return;
  connection_.paced = rate;
  connection_.stream->pace(rate);
}

// By the rate limit: to wait for it is no stall. False if it was cut short.
Task<bool> Exchange::wait_for_turn(Scope& sending, std::size_t bytes) {
  Worker& worker = sending.worker();
  while (true) {
    Time asked = worker.now();
    Duration wait = request_.rate_limit->take(bytes, asked);
    if (wait == Duration::zero()) co_return true;
    for (Duration left = wait; left > Duration::zero(); left -= turn_step) {
      bool slept = co_await worker.sleep(sending, std::min(left, turn_step));
      watchdog_->progress();
      if (!slept) co_return false;
    }
    if (worker.now() - asked <= wait + RateLimit::credit) co_return true;
  }
}

// Waits for the server's word. False when it has answered, so that the body stays here.
Task<bool> Exchange::may_continue(Scope& sending) {
  Scope waiting(sending);
  continue_wait_ = &waiting;
  co_await sending.worker().sleep(waiting, request_.deadlines.continue_wait);
  continue_wait_ = nullptr;
  co_return !head_seen_;
}

Task<Result<HttpAnswer>> Exchange::receive_answer(Scope& receiving) {
  HttpAnswer answer;
  while (!complete_) {
    Result<std::size_t> got =
        co_await connection_.stream->receive(receiving, std::span(connection_.buffer));
    if (!got) co_return std::unexpected(std::move(got.error()));
    watchdog_->progress();
    if (*got == 0) {
      Status finished = connection_.parser.finish();
      if (!finished) co_return std::unexpected(std::move(finished.error()));
      keep_alive_ = false;
      break;
    }
    Status taken = take(std::span(connection_.buffer).first(*got), answer);
    if (!taken) co_return std::unexpected(std::move(taken.error()));
    bool room = co_await wait_for_room(receiving, answer);
    if (!room) {
      co_return fail(make_error(ErrorClass::cancelled, "cancelled",
                                "cancelled while other answers held the memory for this one"));
    }
  }
  co_return answer;
}

// Before more of a large answer is read. Others, which have their share, end without this one, so
// that it is no stall. False if it was cut short.
Task<bool> Exchange::wait_for_room(Scope& receiving, HttpAnswer& answer) {
  if (complete_ || !request_.answers || answer.share) co_return true;
  std::size_t known = std::max(stated_length_.value_or(0), answer.body.size());
  if (known <= AnswerBudget::uncounted_bytes) co_return true;
  std::size_t size = stated_length_.value_or(request_.answer_size_max);
  while (!(answer.share = request_.answers->try_take(size))) {
    bool slept = co_await receiving.worker().sleep(receiving, room_period);
    watchdog_->progress();
    if (!slept) co_return false;
  }
  answer.body.reserve(stated_length_.value_or(0));
  co_return true;
}

Status Exchange::take(std::span<const std::byte> bytes, HttpAnswer& answer) {
  while (true) {
    Result<HttpParser::Step> step = connection_.parser.feed(bytes);
    if (!step) return std::unexpected(std::move(step.error()));
    bytes = bytes.subspan(step->consumed);
    Status status;
    switch (step->event) {
      case HttpParser::Event::need_more:
        return {};
      case HttpParser::Event::interim:
        if (continue_wait_) continue_wait_->cancel();
        break;
      case HttpParser::Event::head:
        status = take_head(answer);
        break;
      case HttpParser::Event::body:
        status = take_body(step->body, answer);
        break;
      case HttpParser::Event::complete:
        complete_ = true;
        surplus_ = !bytes.empty();
        return {};
    }
    if (!status) return status;
  }
}

Status Exchange::take_head(HttpAnswer& answer) {
  HttpHead head = connection_.parser.take_head();
  head_seen_ = true;
  answered_at_ = receiving_->worker().now();
  keep_alive_ = head.keep_alive;
  watchdog_->enter(Watchdog::Phase::receive);
  answer.status = head.status;
  answer.headers = std::move(head.headers);
  if (!request_.asks_head) stated_length_ = head.content_length;
  if (stated_length_.value_or(0) > request_.answer_size_max) {
    return fail(too_large(request_.host, request_.answer_size_max));
  }
  if (continue_wait_) continue_wait_->cancel();
  // Whatever it says, it does not want the rest.
  if (!send_over_ && head.status >= 300) sending_->cancel();
  return {};
}

Status Exchange::take_body(std::span<const std::byte> bytes, HttpAnswer& answer) {
  if (bytes.size() > request_.answer_size_max - answer.body.size()) {
    return fail(too_large(request_.host, request_.answer_size_max));
  }
  answer.body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return {};
}

}  // namespace headrace
