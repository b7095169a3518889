// network.h: NetworkOptions, what all clients of an engine share about the way to their peers.
// Plain data, copied freely; what it points to is immutable or guards itself.
#pragma once

#include <memory>

#include "net/proxy.h"

namespace headrace {

class AnswerBudget;
class HttpObserver;
class RateLimit;
class TlsContext;

struct NetworkOptions {
  std::shared_ptr<const TlsContext> tls;  // a client's; without it https:// is refused
  ProxyRules proxies;                     // which requests go through which
  HttpObserver* observer = nullptr;       // outlives the clients, as does
  RateLimit* rate_limit = nullptr;        // what all of them share; null: none
  AnswerBudget* answers = nullptr;        // the same
};

}  // namespace headrace
