// exchange.h: Exchange, one request and its answer on one connection.
//
// Head and body are sent while the answer is awaited, so an answer that comes early (a 403 while
// gigabytes are still to go) stops the sending. A failing send does not end the exchange: the
// other side may have said why before it closed. run() once; the connection, the body and the
// observer outlive it. After it the connection is good for another request only if reusable().
// Fails with: stalled, first_byte_timeout, connection_closed, receive_failed, send_failed (all of
// class retry), bad_http, http_limit, answer_too_large, cancelled; what the stream and the body
// fail with.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/answer_budget.h"
#include "net/body.h"
#include "net/headers.h"
#include "net/http_parser.h"
#include "net/rate_limit.h"
#include "net/url.h"
#include "net/watchdog.h"

namespace headrace {

struct HttpAnswer {
  int status = 0;
  Headers headers;
  std::string body;
  Url final_url;              // after redirects
  std::string address;        // of who answered, or of the proxy that led there
  AnswerBudget::Share share;  // what the body holds of it
};

struct Connection {
  std::unique_ptr<Stream> stream;
  std::string key;           // of the way it leads
  std::uint64_t number = 0;  // for observers
  HttpParser parser{HttpParser::Direction::answer};
  std::vector<std::byte> buffer;  // what came and is being read
  Time idle_since{};
  bool reused = false;
  std::uint64_t paced = 0;  // bytes a second; 0: as fast as it goes
};

// Told what has been sent, for progress and for measuring.
class SendObserver {
 public:
  virtual ~SendObserver() = default;
  // A try begins, on a connection to this address.
  virtual void begins(std::string_view address) { (void)address; }
  // Bytes of the body given to the connection in this try; starts again at 0 with each.
  virtual void body_sent(std::uint64_t bytes) = 0;
  // Of the connection, when somebody looks (Exchange::look).
  struct Line {
    Duration round_trip;          // 0: nobody knows
    std::int64_t unacknowledged;  // of what was given to it; negative: nobody knows
  };
  virtual void line(const Line&) {}
};

// The connection ended, and nobody said why.
bool broke_off(const Error& error);

class Exchange {
 public:
  struct Request {
    std::string head;  // up to and with the empty line
    const Body& body;
    std::string host;  // for messages
    Deadlines deadlines;
    std::size_t answer_size_max = 0;
    AnswerBudget* answers = nullptr;  // null: nobody counts
    SendObserver* observer = nullptr;
    RateLimit* rate_limit = nullptr;
    bool asks_head = false;        // HEAD: no body follows
    bool expect_continue = false;  // the head holds `Expect: 100-continue`
  };

  Exchange(Connection& connection, Request request)
      : connection_(connection), request_(std::move(request)) {}
  Task<Result<HttpAnswer>> run(Scope& parent);
  // Tells the observer how the connection stands.
  void look();

  bool reusable() const { return reusable_; }
  // A byte of the answer was seen, so the request reached somebody.
  bool answer_started() const { return connection_.parser.started(); }
  // When the last byte of the request was given to the connection, and when the answer's head was
  // there; zero where that was not reached.
  Time sent_at() const { return sent_at_; }
  Time answered_at() const { return answered_at_; }

 private:
  Task<void> send_all(Scope& sending);
  Task<Status> send_pieces(Scope& sending, BodyReader& reader);
  void pace();
  Task<bool> wait_for_turn(Scope& sending, std::size_t bytes);
  Task<bool> may_continue(Scope& sending);
  Task<Result<HttpAnswer>> receive_answer(Scope& receiving);
  Task<bool> wait_for_room(Scope& receiving, HttpAnswer& answer);
  Status take(std::span<const std::byte> bytes, HttpAnswer& answer);
  Status take_head(HttpAnswer& answer);
  Status take_body(std::span<const std::byte> bytes, HttpAnswer& answer);
  Error judge(Error received, bool parent_cancelled) const;
  Error stalled_error() const;

  Connection& connection_;
  Request request_;
  Watchdog* watchdog_ = nullptr;
  Scope* sending_ = nullptr;
  Scope* receiving_ = nullptr;
  Scope* continue_wait_ = nullptr;
  std::optional<std::uint64_t> stated_length_;  // of the answer's body
  Time sent_at_{};
  Time answered_at_{};
  std::uint64_t body_sent_ = 0;
  Status send_status_;
  bool body_failed_ = false;  // send_status_ is the body's error, not the connection's
  bool send_over_ = false;
  bool head_seen_ = false;
  bool complete_ = false;
  bool keep_alive_ = false;
  bool surplus_ = false;  // bytes came behind the answer
  bool reusable_ = false;
};

}  // namespace headrace
