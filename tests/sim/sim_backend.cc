#include "tests/sim/sim_backend.h"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include <fmt/format.h>

#include "tests/sim/sim_world.h"

namespace headrace {
namespace {

using Kind = Operation::Kind;

bool on_socket(Kind kind) {
  return kind == Kind::connect || kind == Kind::accept || kind == Kind::receive ||
         kind == Kind::send || kind == Kind::shutdown;
}

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::open:
      return "open";
    case Kind::stat:
      return "stat";
    case Kind::read:
      return "read";
    case Kind::close:
      return "close";
    case Kind::connect:
      return "connect";
    case Kind::accept:
      return "accept";
    case Kind::receive:
      return "receive";
    case Kind::send:
      return "send";
    case Kind::shutdown:
      return "shutdown";
  }
  return "?";
}

std::uint64_t digest_of_bytes(const Operation& op) {
  return std::hash<std::string_view>()({reinterpret_cast<const char*>(op.data), op.size});
}

// A read's buffer belongs to the kernel while it is in flight: nobody may write there, and what
// stands there before it is done means nothing.
constexpr std::byte scribble{0xa5};
constexpr std::size_t scribble_size = 64;

std::span<std::byte> scribbled(const Operation& op) {
  if (op.kind != Kind::read && op.kind != Kind::receive) return {};
  return {op.data, std::min<std::size_t>(op.size, scribble_size)};
}

}  // namespace

SimBackend::~SimBackend() = default;

void SimBackend::submit(Pending& pending) {
  auto operation = std::make_shared<SimOperation>();
  operations_.push_back(operation);
  operation->home = this;
  operation->pending = &pending;
  pending.backend_state = operation.get();
  const Operation& op = pending.operation;
  if (op.kind != Kind::open) {
    SimHandle* handle = world_.files().handle(op.file);
    if (!handle) {
      world_.violation(fmt::format("{} on a number that is not open", name_of(op.kind)));
    } else {
      operation->in_flight = handle->operations;
      ++*operation->in_flight;
      operation->endpoint = handle->endpoint;
    }
  }
  std::ranges::fill(scribbled(op), scribble);
  world_.later([this, operation] { arrive(*operation); });
}

void SimBackend::arrive(SimOperation& operation) {
  if (operation.done) return;  // cancelled on its way
  operation.arrived = true;
  const Operation& op = operation.pending->operation;
  if (!std::ranges::all_of(scribbled(op), [](std::byte byte) { return byte == scribble; })) {
    world_.violation(fmt::format("somebody wrote where a {} is in flight", name_of(op.kind)));
  }
  if (!on_socket(op.kind)) return finish(operation, perform(operation));
  if (!operation.endpoint) return finish(operation, -ENOTSOCK);
  if (op.kind == Kind::shutdown) {
    world_.network().shutdown(operation.endpoint);
    return finish(operation, 0);
  }
  world_.network().start(operation);
}

int SimBackend::perform(SimOperation& operation) {
  const Operation& op = operation.pending->operation;
  switch (op.kind) {
    case Kind::open:
      return world_.files().open(op.path);
    case Kind::stat:
      return world_.files().stat(op.file, *op.status);
    case Kind::read:
      return world_.files().read(op.file, op.data, op.size, op.offset);
    case Kind::close:
      return close(operation);
    default:
      return -EINVAL;
  }
}

int SimBackend::close(SimOperation& operation) {
  int number = operation.pending->operation.file;
  SimHandle* handle = world_.files().handle(number);
  if (!handle) return -EBADF;
  // The close itself is one. A kernel keeps the rest going on what it refers to, unseen.
  if (*handle->operations > 1) {
    world_.violation(
        fmt::format("{} closed with {} operations in flight", number, *handle->operations - 1));
  }
  if (handle->endpoint) world_.network().close(handle->endpoint);
  return world_.files().close(number);
}

void SimBackend::cancel(Pending& pending) {
  // Over already, and only its completion has not been fetched.
  if (!pending.backend_state) return;
  auto operation = static_cast<SimOperation*>(pending.backend_state)->shared_from_this();
  if (std::exchange(operation->cancelled, true)) return;
  world_.later([this, operation] { cancel_arrived(*operation); });
}

void SimBackend::cancel_arrived(SimOperation& operation) {
  if (operation.done) return;
  Kind kind = operation.pending->operation.kind;
  if (kind == Kind::close || kind == Kind::shutdown) return;
  // What is on its way to a file is as often too late to stop as not.
  if (!on_socket(kind) && world_.chance(0.5)) return;
  if (operation.arrived) world_.network().detach(operation);
  finish(operation, -ECANCELED);
}

void SimBackend::finish(SimOperation& operation, int result) {
  finish_early(operation, result);
  release_soon(operation);
}

void SimBackend::finish_early(SimOperation& operation, int result) {
  const Operation& op = operation.pending->operation;
  CHECK(!operation.done);
  operation.done = true;
  if (op.kind == Kind::send) operation.digest = digest_of_bytes(op);
  if (operation.in_flight) --*operation.in_flight;
  world_.note(static_cast<std::uint64_t>(op.kind), static_cast<std::uint64_t>(result));
  due_.push_back({.pending = operation.pending, .result = result, .done = true});
}

void SimBackend::release_soon(SimOperation& operation) {
  const Operation& op = operation.pending->operation;
  bool has_bytes = op.kind == Kind::read || op.kind == Kind::receive || op.kind == Kind::send;
  if (!has_bytes || !world_.chance(world_.knobs().release_late)) return release(operation);
  std::uint64_t most = static_cast<std::uint64_t>(world_.knobs().release_max.count());
  world_.after(Duration(world_.prng().between(0, most)),
               [this, self = operation.shared_from_this()] { release(*self); });
}

void SimBackend::release(SimOperation& operation) {
  const Operation& op = operation.pending->operation;
  if (op.kind == Kind::send && operation.digest != digest_of_bytes(op)) {
    world_.violation("bytes of a send changed before they were released");
  }
  operation.released = true;
  operation.pending->backend_state = nullptr;
  // One completion for both moments if nobody has fetched the first.
  auto done = std::ranges::find(due_, operation.pending, &Completion::pending);
  if (done != due_.end()) {
    done->released = true;
  } else {
    due_.push_back({.pending = operation.pending, .released = true});
  }
}

void SimBackend::wait(Time until, std::vector<Completion>& completions) {
  wanted_at_ = until;
  // Operations that complete together are handed over in any order.
  for (std::size_t left = due_.size(); left > 1; --left) {
    std::swap(due_[left - 1], due_[world_.prng().below(left)]);
  }
  completions.insert(completions.end(), due_.begin(), due_.end());
  due_.clear();
  // Until the worker knows that it is over, it may still ask for a cancel.
  std::erase_if(operations_, [](const auto& operation) { return operation->released; });
}

std::string SimBackend::describe() const {
  std::string text;
  for (const auto& operation : operations_) {
    const Operation& op = operation->pending->operation;
    text += fmt::format("{}{} on {}, {} of {} bytes moved{}{}{}", text.empty() ? "" : "; ",
                        name_of(op.kind), op.file, operation->moved, op.size,
                        operation->arrived ? "" : ", on its way", operation->done ? ", done" : "",
                        operation->cancelled ? ", cancelled" : "");
  }
  return text;
}

Time SimBackend::now() { return world_.now(); }
std::int64_t SimBackend::wall_seconds() { return world_.wall_seconds(); }
int SimBackend::make_socket(int family) { return world_.network().make_socket(family); }
int SimBackend::listen(SocketAddress& address) { return world_.network().listen(address); }
std::int64_t SimBackend::unacknowledged(int socket) {
  return world_.network().unacknowledged(socket);
}
Duration SimBackend::round_trip(int) { return 2 * world_.knobs().delay_max; }

}  // namespace headrace
