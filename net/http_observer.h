// http_observer.h: HttpObserver, told of each request on its way, for logs and traces.
//
// Called on the thread of the client's worker; one observer may serve several clients and guards
// itself. What it is given is lent for the call and holds secrets (Authorization, signed queries):
// it shows what it knows to be none. It never fails and never waits.
#pragma once

#include <cstdint>
#include <string_view>

#include "io/clock.h"
#include "io/error.h"
#include "net/body.h"
#include "net/headers.h"
#include "net/route.h"

namespace headrace {

struct HttpAnswer;

// One request to one place; after a redirect there is another.
struct HttpLeg {
  std::string_view stage;    // what it is for
  std::string_view subject;  // whose part it is, empty where nobody said
  std::string_view method;
  const Url& url;
  const Headers& headers;  // all that are sent, but credentials for a proxy
  const Body& body;
  const ProxyServer* proxy = nullptr;  // that it goes through
  std::uint64_t number = 0;            // the observer's
  std::uint64_t connection = 0;        // the observer's; 0 as long as there is none
  bool reused = false;                 // the connection carried a request before

  // Moments, in their order; zero where they were not reached.
  Time begun{};
  Time connected{};  // a connection was there
  Time sent{};       // the last byte was given to it
  Time answered{};   // the answer's head was there
  Time ended{};
};

// A connection that was made.
struct HttpLink {
  std::string_view host;         // the target's, or the proxy's that passes requests on
  std::string_view address;      // of that, or of the proxy that has opened a tunnel
  std::string_view sealed_with;  // version and cipher of TLS; empty in the clear
};

class HttpObserver {
 public:
  virtual ~HttpObserver() = default;
  // Gives it a number, a new one each time.
  virtual std::uint64_t connected(const HttpLink& link) = 0;
  // The number of this request.
  virtual std::uint64_t request_begins(const HttpLeg& leg) = 0;
  virtual void request_ended(const HttpLeg& leg, const Result<HttpAnswer>& answer) = 0;
};

}  // namespace headrace
