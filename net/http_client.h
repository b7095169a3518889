// http_client.h: HttpClient, requests over pooled connections. One per worker.
//
// send() resolves, connects, sends, receives and follows redirects; it tries once. Only where a
// pooled connection turns out to be closed before a byte of the answer came, an idempotent request
// is sent again at once on a new connection; others never go over a used connection. Retries with
// waiting are http_retry.h. Any status is an answer; error_of_answer() makes an error of it.
// Redirects: 307 and 308 keep method and body, 301, 302 and 303 are followed for GET and HEAD only,
// five at most; Authorization and cookies never leave their origin. Each of these goes through the
// proxy that the network's rules choose for it, or straight; what a proxy itself answers is an
// error that names it (proxy_error.h). While there are Needs, no more connections stay open than
// they name together. Ownership: the request, its body and observer outlive send(). close_idle() is
// awaited before the client dies. Errors carry stage, host, method, URL without query. Fails with:
// what connector, exchange, body and proxies fail with; too_many_redirects, redirect_refused,
// bad_url, bad_header.
#pragma once

#include <string>
#include <string_view>

#include "net/connector.h"
#include "net/http_observer.h"
#include "net/pool.h"

namespace headrace {

struct HttpRequest {
  std::string method = "GET";
  Url url;
  Headers headers;  // host, length, user agent and codings are set by the client
  Body body;
  std::size_t answer_size_max = 16 * 1024 * 1024;
  Deadlines deadlines;
  bool follow_redirects = true;
  bool idempotent = true;        // may be sent twice without harm
  bool expect_continue = false;  // ask before the body goes
  bool new_connection = false;   // don't take one from the pool
  std::string_view stage;        // a literal: what this is for, in errors
  std::string subject;           // whose part it is, for observers
  SendObserver* observer = nullptr;
};

class HttpClient {
 public:
  struct Options {
    std::string user_agent = "headrace/" HEADRACE_VERSION;
    ConnectionPool::Limits pool;
    NetworkOptions network;
  };

  HttpClient(Worker& worker, Resolver& resolver);
  HttpClient(Worker& worker, Resolver& resolver, Options options);

  // How many connections somebody uses at most. What is idle beyond the sum of all needs is closed
  // by the next request to end or to connect, or by close_surplus(); what is in use beyond it ends
  // its request first. Dies before the client.
  class Need {
   public:
    explicit Need(HttpClient& client) : client_(client) { client_.needs_.push_back(this); }
    ~Need() { std::erase(client_.needs_, this); }
    Need(const Need&) = delete;
    void set(std::size_t connections) { connections_ = connections; }

   private:
    friend class HttpClient;
    HttpClient& client_;
    std::size_t connections_ = SIZE_MAX;
  };

  Task<Result<HttpAnswer>> send(Scope& scope, HttpRequest& request);
  // Tells the observers of all requests how their connections stand.
  void look();
  Task<void> close_surplus(Scope& scope);
  Task<void> close_idle(Scope& scope);
  std::size_t idle_count() const { return pool_.size(); }
  Worker& worker() const { return worker_; }
  const NetworkOptions& network() const { return options_.network; }

 private:
  // Where a request goes after redirects.
  struct Leg {
    Url url;
    Headers headers;
  };
  Task<Result<HttpAnswer>> send_leg(Scope& scope, const HttpRequest& request, const Leg& leg);
  // Tells the observer of it.
  Task<Result<HttpAnswer>> send_on(Scope& scope, const HttpRequest& request, const Route& route,
                                   const Headers& fields);
  Task<Result<HttpAnswer>> send_head(Scope& scope, const HttpRequest& request, const Route& route,
                                     const std::string& head, HttpLeg& told);
  Task<Result<std::unique_ptr<Connection>>> connect(Scope& scope, const Route& route,
                                                    const Deadlines& deadlines);
  std::size_t idle_max() const;
  Headers fields_of(const HttpRequest& request, const Leg& leg) const;
  Status redirect(const HttpRequest& request, const HttpAnswer& answer, Leg& leg) const;

  Worker& worker_;
  const Options options_;
  Connector connector_;
  ConnectionPool pool_;
  std::size_t in_use_ = 0;
  std::vector<Exchange*> running_;
  std::vector<const Need*> needs_;
};

// What an answer that is not a success means: class by status, host, URL, request id, what the
// server wrote (an XML <Message>, or a short text; JSON stays as it is, for who knows its shape)
// and how long it wants us to wait.
Error error_of_answer(const HttpAnswer& answer, const HttpRequest& request,
                      std::int64_t now_unix_s);
std::string request_id_of(const Headers& headers);

}  // namespace headrace
