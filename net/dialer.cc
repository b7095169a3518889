#include "net/dialer.h"

#include <vector>

#include <fmt/format.h>

#include "io/worker.h"
#include "net/address.h"

namespace headrace {
namespace {

// What the attempts of one dial() share. Lives in dial()'s frame, which joins them all.
struct Race {
  Scope& scope;
  std::span<const SocketAddress> addresses;
  std::vector<int> errors = std::vector<int>(addresses.size());  // of each attempt
  std::size_t winner_index = addresses.size();
  int winner = -1;
  int error = 0;             // of the attempt that says most
  std::string failed_at;     // the address of that attempt
  Scope* stagger = nullptr;  // the wait before the next attempt
};

// An unreachable family says less than the answer of a host that was reached.
void note_failure(Race& race, int error, std::size_t index) {
  race.errors[index] = error;
  bool says_little = race.error == 0 || race.error == ENETUNREACH || race.error == EAFNOSUPPORT ||
                     race.error == EADDRNOTAVAIL || race.error == ECANCELED;
  if (says_little) {
    race.error = error;
    race.failed_at = text_of(race.addresses[index]);
  }
  if (race.stagger) race.stagger->cancel();
}

Task<void> attempt(Race& race, std::size_t index) {
  Worker& worker = race.scope.worker();
  const SocketAddress& address = race.addresses[index];
  int socket = worker.backend().make_socket(family_of(address));
  if (socket < 0) {
    note_failure(race, -socket, index);
    co_return;
  }
  int connected = co_await worker.connect(race.scope, socket, address);
  if (connected >= 0 && race.winner < 0) {
    race.winner = socket;
    race.winner_index = index;
    race.scope.cancel();
    co_return;
  }
  co_await worker.close(race.scope, socket);
  if (connected < 0) note_failure(race, -connected, index);
}

// A lack of descriptors or memory is ours, and being cancelled says nothing of who had no time yet.
void note_scores(const Race& race, std::size_t started, AddressScores& scores) {
  Time now = race.scope.worker().now();
  for (std::size_t i = 0; i < started; ++i) {
    int error = race.errors[i];
    bool ours = error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
    bool had_time = i < race.winner_index && (race.winner >= 0 || race.scope.timed_out());
    if (i == race.winner_index) {
      scores.connected(race.addresses[i]);
    } else if (!ours && error != 0 && (error != ECANCELED || had_time)) {
      scores.failed(race.addresses[i], now);
    }
  }
}

std::string tried_text(std::span<const SocketAddress> addresses) {
  std::string text;
  for (const SocketAddress& each : addresses) text += (text.empty() ? "" : ", ") + text_of(each);
  return text;
}

Error dial_error(const Race& race, bool told_to_stop, Duration limit, std::string_view host) {
  if (!told_to_stop && race.scope.timed_out()) {
    Error error = make_error(ErrorClass::retry, "connect_timeout",
                             fmt::format("no connection to {} ({}) within {:.3g} s", host,
                                         tried_text(race.addresses), seconds_of(limit)));
    if (race.addresses.size() == 1) error.address = text_of(race.addresses.front());
    return error;
  }
  // One address may have failed before we were told to stop; that is not why there is nothing.
  if (told_to_stop || race.error == ECANCELED || race.error == 0) {
    return make_error(ErrorClass::cancelled, "cancelled",
                      fmt::format("cancelled while connecting to {}", host));
  }
  Error error = system_error(
      "connect_failed", fmt::format("connecting to {} ({})", host, race.failed_at), race.error);
  error.address = race.failed_at;
  return race.error == ECONNREFUSED
             ? std::move(error).hinting("is the server running, and is this its address and port?")
             : error;
}

}  // namespace

Task<Result<Dialed>> dial(Scope& scope, std::span<const SocketAddress> addresses, Duration limit,
                          std::string_view host, AddressScores* scores) {
  Scope racing(scope, limit);
  Race race{.scope = racing, .addresses = addresses};
  std::size_t started = 0;
  while (started < addresses.size() && !racing.cancelled()) {
    racing.spawn(attempt(race, started++));
    if (started == addresses.size()) break;
    Scope stagger(racing);
    race.stagger = &stagger;
    co_await scope.worker().sleep(stagger, dial_stagger);
    race.stagger = nullptr;
  }
  co_await racing.join();
  if (scores) note_scores(race, started, *scores);
  if (race.winner >= 0) {
    co_return Dialed{.socket = race.winner, .address = addresses[race.winner_index]};
  }
  co_return fail(dial_error(race, scope.cancelled(), limit, host).at("connect"));
}

}  // namespace headrace
