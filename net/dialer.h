// dialer.h: connects to the first of several addresses that answers (RFC 8305).
//
// A new address is tried every 250 ms, or as soon as one has failed; the first connection wins and
// the others are cancelled and closed before dial() returns. Waiting longer before the second try
// would make a broken IPv6 path felt by people, less would open connections for nothing. What
// became of each address is noted in the scores, where there are some; to be overtaken is to fail.
// Fails with: connect_failed (by errno), connect_timeout (retry), cancelled.
#pragma once

#include <span>
#include <string_view>

#include "io/error.h"
#include "io/operation.h"
#include "io/scope.h"
#include "net/address_scores.h"

namespace headrace {

inline constexpr Duration dial_stagger = 250ms;

struct Dialed {
  int socket = -1;  // connected, the caller's
  SocketAddress address;
};

// `host` is for messages only.
Task<Result<Dialed>> dial(Scope& scope, std::span<const SocketAddress> addresses, Duration limit,
                          std::string_view host, AddressScores* scores = nullptr);

}  // namespace headrace
