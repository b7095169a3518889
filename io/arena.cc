#include "io/arena.h"

#include <algorithm>
#include <array>

#include <sys/mman.h>

#include "io/worker.h"

namespace headrace {
namespace {
constexpr std::size_t blocks_per_slab = 16;
}  // namespace

struct Arena::Slab {
  std::array<Block, blocks_per_slab> blocks;
  std::byte* memory = nullptr;
  std::size_t used = 0;

  Slab() {
    void* place = mmap(nullptr, blocks_per_slab * block_size_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(place != MAP_FAILED);  // address space, not memory
    memory = static_cast<std::byte*>(place);
  }
  ~Slab() { munmap(memory, blocks_per_slab * block_size_bytes); }
};

// A coroutine that waits for a ticket (blocks > 0) or for a block of its ticket (blocks == 0).
// Its fields but `waiting` belong to its worker; `waiting` and the place in a list to the arena.
class BlockWait final : public Wait {
 public:
  BlockWait(Arena& arena, Scope& scope, std::size_t blocks, Account* account)
      : arena_(arena), scope_(scope), blocks_(blocks), account_(account) {}

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    scope_.enter(*this);
    std::lock_guard lock(arena_.mutex_);
    if (scope_.cancelled() || satisfied_locked()) return false;
    waiting_ = true;
    if (blocks_ > 0) {
      arena_.queue_.push_back(this);
    } else {
      CHECK(account_->waiter == nullptr);
      account_->waiter = this;
    }
    return true;
  }
  void await_resume() { scope_.leave(*this); }

  void cancel_wait() override {
    std::lock_guard lock(arena_.mutex_);
    if (!waiting_) return;
    if (blocks_ > 0) {
      std::erase(arena_.queue_, this);
    } else {
      account_->waiter = nullptr;
    }
    wake_locked();
    if (blocks_ > 0) arena_.serve_locked();
  }
  // From any thread, under the arena's mutex; the waiter is in no list any more.
  void wake_locked() {
    waiting_ = false;
    scope_.worker().send([handle = handle_] { handle.resume(); });
  }
  // Takes what is asked for, if it is there and nobody is before us.
  bool satisfied_locked() {
    if (blocks_ == 0) return account_->available > 0;
    if (!arena_.queue_.empty() && arena_.queue_.front() != this) return false;
    if (arena_.blocks_free_ < blocks_) return false;
    arena_.blocks_free_ -= blocks_;
    granted = new Account{.available = blocks_};
    arena_.reserved_peak_ =
        std::max(arena_.reserved_peak_, arena_.blocks_total_ - arena_.blocks_free_);
    return true;
  }

  Account* granted = nullptr;

 private:
  Arena& arena_;
  Scope& scope_;
  const std::size_t blocks_;
  Account* const account_;
  std::coroutine_handle<> handle_;
  bool waiting_ = false;
};

Ticket::~Ticket() {
  if (arena_) arena_->close(*account_);
}

Slice Ticket::try_take() {
  std::lock_guard lock(arena_->mutex_);
  return account_->available == 0 ? Slice() : arena_->take_locked(*account_);
}

Task<Slice> Ticket::take(Scope& scope) {
  while (!scope.cancelled()) {
    Slice slice = try_take();
    if (slice) co_return slice;
    co_await BlockWait(*arena_, scope, 0, account_);
  }
  co_return Slice();
}

Arena::Arena(std::size_t budget_bytes)
    : blocks_total_(std::max<std::size_t>(1, budget_bytes / block_size_bytes)),
      blocks_free_(blocks_total_) {}

Arena::~Arena() { CHECK(blocks_free_ == blocks_total_ && queue_.empty()); }

Ticket Arena::try_reserve(std::size_t blocks) {
  std::lock_guard lock(mutex_);
  if (!queue_.empty() || blocks_free_ < blocks) return Ticket();
  blocks_free_ -= blocks;
  reserved_peak_ = std::max(reserved_peak_, blocks_total_ - blocks_free_);
  return Ticket(*this, *new Account{.available = blocks});
}

Task<Ticket> Arena::reserve(Scope& scope, std::size_t blocks) {
  CHECK(blocks > 0 && blocks <= blocks_total_);
  BlockWait wait(*this, scope, blocks, nullptr);
  co_await wait;
  co_return wait.granted ? Ticket(*this, *wait.granted) : Ticket();
}

std::size_t Arena::blocks_reserved() const {
  std::lock_guard lock(mutex_);
  return blocks_total_ - blocks_free_;
}

std::size_t Arena::blocks_reserved_peak() const {
  std::lock_guard lock(mutex_);
  return reserved_peak_;
}

Slice Arena::take_locked(Account& account) {
  --account.available;
  ++account.out;
  Block* block = nullptr;
  if (!idle_.empty()) {
    block = idle_.back();
    idle_.pop_back();
  } else {
    if (slabs_.empty() || slabs_.back()->used == blocks_per_slab) {
      slabs_.push_back(std::make_unique<Slab>());
    }
    Slab& slab = *slabs_.back();
    block = &slab.blocks[slab.used];
    block->data = slab.memory + slab.used * block_size_bytes;
    block->arena = this;
    ++slab.used;
  }
  block->account = &account;
  return Slice(*block, 0, block_size_bytes);
}

void release_block(Block& block) {
  Arena& arena = *block.arena;
  Account& account = *block.account;
  std::lock_guard lock(arena.mutex_);
  arena.idle_.push_back(&block);
  CHECK(account.out > 0);
  --account.out;
  if (!account.closed) {
    ++account.available;
    if (account.waiter) std::exchange(account.waiter, nullptr)->wake_locked();
    return;
  }
  arena.return_locked(account, 1);
}

void Arena::close(Account& account) {
  std::lock_guard lock(mutex_);
  CHECK(account.waiter == nullptr);
  account.closed = true;
  return_locked(account, std::exchange(account.available, 0));
}

void Arena::return_locked(Account& account, std::size_t blocks) {
  if (account.out == 0) delete &account;
  blocks_free_ += blocks;
  serve_locked();
}

void Arena::serve_locked() {
  while (!queue_.empty()) {
    BlockWait* first = queue_.front();
    if (!first->satisfied_locked()) return;
    queue_.erase(queue_.begin());
    first->wake_locked();
  }
}

}  // namespace headrace
