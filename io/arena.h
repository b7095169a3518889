// arena.h: Arena, all the bytes the process may hold for files, under one budget.
//
// Blocks live in slabs of 4 MiB that the kernel fills only when they are touched. Who wants blocks
// first gets a Ticket for a number of them, in the order of asking (a large wish is not overtaken
// by small ones, LIMITS rule 23); from the ticket blocks are taken, and a block that comes back
// goes to its ticket while that lives, else to the arena. So a stream with a ticket of n blocks
// never waits for anybody but itself. Thread-safe; waiters are woken on their own worker.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "io/scope.h"
#include "io/slice.h"

namespace headrace {

// Blocks set aside for one ticket. Guarded by the arena's mutex.
struct Account {
  std::size_t available = 0;
  std::size_t out = 0;
  bool closed = false;
  class BlockWait* waiter = nullptr;
};

class Ticket {
 public:
  Ticket() = default;
  Ticket(Ticket&& other) noexcept
      : arena_(std::exchange(other.arena_, nullptr)), account_(other.account_) {}
  Ticket& operator=(Ticket&& other) noexcept {
    std::swap(arena_, other.arena_);
    std::swap(account_, other.account_);
    return *this;
  }
  ~Ticket();  // what is still out goes to the arena when it comes back
  explicit operator bool() const { return arena_ != nullptr; }

  // A whole block, or an empty slice if all of this ticket's are out.
  Slice try_take();
  // The same, waiting for one; an empty slice when `scope` is cancelled. One waiter a ticket.
  Task<Slice> take(Scope& scope);

 private:
  friend class Arena;
  Ticket(Arena& arena, Account& account) : arena_(&arena), account_(&account) {}
  Arena* arena_ = nullptr;
  Account* account_ = nullptr;
};

class Arena {
 public:
  explicit Arena(std::size_t budget_bytes);  // at least one block
  ~Arena();                                  // every block and ticket is back
  Arena(const Arena&) = delete;

  // No ticket when fewer are free or somebody waits.
  Ticket try_reserve(std::size_t blocks);
  // Waits its turn; an empty ticket when `scope` is cancelled. At most blocks_total().
  Task<Ticket> reserve(Scope& scope, std::size_t blocks);

  std::size_t blocks_total() const { return blocks_total_; }
  std::size_t blocks_reserved() const;  // by tickets and blocks that are out
  std::size_t blocks_reserved_peak() const;

 private:
  friend class Ticket;
  friend class BlockWait;
  friend void release_block(Block& block);
  struct Slab;

  Slice take_locked(Account& account);
  void return_locked(Account& account, std::size_t blocks);
  void close(Account& account);
  void serve_locked();

  const std::size_t blocks_total_;
  mutable std::mutex mutex_;
  std::size_t blocks_free_;  // not promised to any ticket
  std::size_t reserved_peak_ = 0;
  std::vector<Block*> idle_;  // touched before, most recent last
  std::vector<std::unique_ptr<Slab>> slabs_;
  std::vector<class BlockWait*> queue_;  // waiting for tickets, in order
};

}  // namespace headrace
