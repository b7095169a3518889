#include "io/uring.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <liburing.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/check.h"
#include "io/machine.h"

namespace headrace {
namespace {

// Entries of the submission queue. Too low costs more system calls; memory grows by 64 bytes each.
constexpr unsigned ring_entries = 256;
constexpr int listen_backlog = 1024;

struct Setup {
  unsigned flags;
  const char* name;
};
constexpr std::array<Setup, 3> setups = {{
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, "single issuer, deferred task work"},
    {IORING_SETUP_COOP_TASKRUN, "cooperative task work"},
    {0, "no setup flags"},
}};

FileStatus status_of(const struct statx& found) {
  auto nanoseconds = [](const statx_timestamp& stamp) {
    return static_cast<std::int64_t>(stamp.tv_sec) * 1'000'000'000 + stamp.tv_nsec;
  };
  return {
      .identity = {.device = (static_cast<std::uint64_t>(found.stx_dev_major) << 32) |
                             found.stx_dev_minor,
                   .inode = found.stx_ino,
                   .size = found.stx_size,
                   .modified_ns = nanoseconds(found.stx_mtime),
                   .changed_ns = nanoseconds(found.stx_ctime)},
      .regular = S_ISREG(found.stx_mode),
      .directory = S_ISDIR(found.stx_mode),
  };
}

void set_no_delay(int socket) {
  int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // best effort: not all are TCP
}

// What this backend keeps with an operation, in Pending::backend_state.
struct State {
  struct statx found{};
  std::uint32_t sent = 0;
  bool cancelled = false;
};

// The flags that worked, or -errno of the last try.
int init_ring(io_uring& ring, const Setup*& used) {
  int result = -EINVAL;
  for (const Setup& setup : setups) {
    result = io_uring_queue_init(ring_entries, &ring, setup.flags);
    used = &setup;
    if (result != -EINVAL) return result;
  }
  return result;
}

class Uring final : public Backend {
 public:
  ~Uring() override {
    if (ring_ready_) io_uring_queue_exit(&ring_);
    if (event_ >= 0) ::close(event_);
    for (State* state : states_) delete state;
  }

  Status init() {
    const Setup* used = nullptr;
    int result = init_ring(ring_, used);
    if (result < 0) return fail(io_uring_error(-result));
    ring_ready_ = true;
    event_ = eventfd(0, EFD_CLOEXEC);
    if (event_ < 0) return fail(system_error("io_uring_failed", "eventfd", errno));
    watch_event();
    return {};
  }

  void submit(Pending& pending) override {
    State* state = take_state();
    pending.backend_state = state;
    start(pending);
  }

  void cancel(Pending& pending) override {
    static_cast<State*>(pending.backend_state)->cancelled = true;
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_cancel(sqe, &pending, 0);
    io_uring_sqe_set_data(sqe, nullptr);
  }

  void wait(Time until, std::vector<Completion>& completions) override {
    enter(until);
    io_uring_cqe* cqe = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      reaped_.push_back({io_uring_cqe_get_data(cqe), cqe->res});
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
    for (const Reaped& reaped : reaped_) {
      if (reaped.data == &event_) {
        watch_event();
      } else if (reaped.data) {
        finish(*static_cast<Pending*>(reaped.data), reaped.result, completions);
      }
    }
    reaped_.clear();
  }

  void wake() override {
    std::uint64_t one = 1;
    // Cannot fail but for a full counter, and then the reader is awake anyway.
    [[maybe_unused]] ssize_t written = ::write(event_, &one, sizeof one);
  }

  Time now() override { return std::chrono::steady_clock::now(); }
  std::int64_t wall_seconds() override { return ::time(nullptr); }

  int make_socket(int family) override {
    int socket = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return -errno;
    set_no_delay(socket);
    return socket;
  }

  int listen(SocketAddress& address) override {
    int socket = make_socket(address.storage.ss_family);
    if (socket < 0) return socket;
    int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    auto* name = reinterpret_cast<sockaddr*>(&address.storage);
    if (::bind(socket, name, address.size) < 0 || ::listen(socket, listen_backlog) < 0) {
      int error = errno;
      ::close(socket);
      return -error;
    }
    address.size = sizeof address.storage;
    getsockname(socket, name, &address.size);
    return socket;
  }

  std::int64_t unacknowledged(int socket) override {
    int queued = 0;
    return ioctl(socket, SIOCOUTQ, &queued) < 0 ? -errno : queued;
  }

  Duration round_trip(int socket) override {
    tcp_info facts{};
    socklen_t size = sizeof facts;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &facts, &size) < 0) return Duration::zero();
    return std::chrono::microseconds(facts.tcpi_rtt);
  }

  void pace(int socket, std::uint64_t rate) override {
    unsigned long most = rate == 0 ? ~0ul : rate;
    setsockopt(socket, SOL_SOCKET, SO_MAX_PACING_RATE, &most, sizeof most);  // best effort
  }

 private:
  struct Reaped {
    void* data;
    int result;
  };

  State* take_state() {
    if (states_.empty()) return new State();
    State* state = states_.back();
    states_.pop_back();
    state->sent = 0;
    state->cancelled = false;
    return state;
  }

  io_uring_sqe* next_sqe() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (!sqe) {
      int result = io_uring_submit(&ring_);
      CHECK(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
      sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
  }

  void start(Pending& pending) {
    const Operation& op = pending.operation;
    State& state = *static_cast<State*>(pending.backend_state);
    io_uring_sqe* sqe = next_sqe();
    switch (op.kind) {
      case Operation::Kind::open:
        // Without O_NONBLOCK a named pipe would hold a kernel worker until somebody writes.
        io_uring_prep_openat(sqe, AT_FDCWD, op.path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                             0);
        break;
      case Operation::Kind::stat:
        io_uring_prep_statx(sqe, op.file, "", AT_EMPTY_PATH,
                            STATX_TYPE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_CTIME,
                            &state.found);
        break;
      case Operation::Kind::read:
        io_uring_prep_read(sqe, op.file, op.data, op.size, op.offset);
        break;
      case Operation::Kind::close:
        io_uring_prep_close(sqe, op.file);
        break;
      case Operation::Kind::connect:
        io_uring_prep_connect(sqe, op.file, reinterpret_cast<const sockaddr*>(&op.address->storage),
                              op.address->size);
        break;
      case Operation::Kind::accept:
        io_uring_prep_accept(sqe, op.file, nullptr, nullptr, SOCK_CLOEXEC);
        break;
      case Operation::Kind::receive:
        io_uring_prep_recv(sqe, op.file, op.data, op.size, 0);
        break;
      case Operation::Kind::send:
        io_uring_prep_send(sqe, op.file, op.data + state.sent, op.size - state.sent,
                           MSG_NOSIGNAL | MSG_WAITALL);
        break;
      case Operation::Kind::shutdown:
        io_uring_prep_shutdown(sqe, op.file, SHUT_RDWR);
        break;
    }
    io_uring_sqe_set_data(sqe, &pending);
  }

  void finish(Pending& pending, int result, std::vector<Completion>& completions) {
    State& state = *static_cast<State*>(pending.backend_state);
    const Operation& op = pending.operation;
    if (!state.cancelled && (result == -EINTR || result == -EAGAIN)) return start(pending);
    if (op.kind == Operation::Kind::send && result >= 0) {
      state.sent += static_cast<std::uint32_t>(result);
      if (state.sent == op.size) {
        result = static_cast<int>(op.size);
      } else if (state.cancelled) {
        result = -ECANCELED;
      } else if (result == 0) {
        result = -EPIPE;
      } else {
        return start(pending);  // kernels before 5.19 send short; a cut socket now says so
      }
    }
    if (op.kind == Operation::Kind::stat && result >= 0) *op.status = status_of(state.found);
    if (op.kind == Operation::Kind::accept && result >= 0) set_no_delay(result);
    if (state.cancelled && result == -EINTR) result = -ECANCELED;
    states_.push_back(&state);
    completions.push_back({.pending = &pending, .result = result, .done = true, .released = true});
  }

  void watch_event() {
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_read(sqe, event_, &event_count_, sizeof event_count_, 0);
    io_uring_sqe_set_data(sqe, &event_);
  }

  void enter(Time until) {
    Time time = until == Time::min() ? until : now();
    int result = 0;
    if (until <= time) {
      result = io_uring_submit_and_get_events(&ring_);
    } else if (until == time_never) {
      result = io_uring_submit_and_wait(&ring_, 1);
    } else {
      Duration left = until - time;
      __kernel_timespec limit{.tv_sec = left / 1s, .tv_nsec = (left % 1s).count()};
      io_uring_cqe* first = nullptr;
      result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
    }
    CHECK(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY ||
          result == -ETIME);
  }

  io_uring ring_{};
  bool ring_ready_ = false;
  int event_ = -1;
  std::uint64_t event_count_ = 0;
  std::vector<Reaped> reaped_;
  std::vector<State*> states_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_uring() {
  auto ring = std::make_unique<Uring>();
  if (Status status = ring->init(); !status) return fail(std::move(status.error()));
  return ring;
}

Result<std::string> describe_uring() {
  io_uring ring{};
  const Setup* used = nullptr;
  int result = init_ring(ring, used);
  if (result < 0) return fail(io_uring_error(-result));
  io_uring_queue_exit(&ring);
  return std::string(used->name);
}

}  // namespace headrace
