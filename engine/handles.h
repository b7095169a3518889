// handles.h: Handles, what the C door's pointers stand for.
//
// A handle is a number in the clothes of a pointer. It is never followed and never given twice, so
// that one that was destroyed or made up is found out instead of used. find() shares the object:
// one thread may destroy what another still works with. A child made by fork() begins with none;
// those of its parent are known by their number, and their objects are not touched: the threads
// they belong to are not there. Thread-safe.
// Fails with: bad_handle, forked_process.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <unistd.h>

#include "io/error.h"

namespace headrace {

Error bad_handle();
Error forked_process();

template <class Handle, class Object>
class Handles {
 public:
  Handle* add(std::shared_ptr<Object> object) {
    Table& table = here();
    std::lock_guard lock(table.mutex);
    std::uintptr_t number = table.next.fetch_add(step);
    table.objects.emplace(number, std::move(object));
    return reinterpret_cast<Handle*>(number);
  }

  Result<std::shared_ptr<Object>> find(const Handle* handle) {
    auto number = reinterpret_cast<std::uintptr_t>(handle);
    Table& table = here();
    std::lock_guard lock(table.mutex);
    auto found = table.objects.find(number);
    if (found != table.objects.end()) return found->second;
    bool of_parent = number >= step && number < table.first && number % step == 0;
    return fail(of_parent ? forked_process() : bad_handle());
  }

  // Nothing for a handle that is none.
  std::shared_ptr<Object> remove(const Handle* handle) {
    Table& table = here();
    std::lock_guard lock(table.mutex);
    auto found = table.objects.extract(reinterpret_cast<std::uintptr_t>(handle));
    return found ? std::move(found.mapped()) : nullptr;
  }

 private:
  static constexpr std::uintptr_t step = 16;

  // Of one process.
  struct Table {
    const pid_t process;
    const std::uintptr_t first;  // smaller ones are its parent's
    Table* const parents;        // left as it is: its lock may be held for ever
    std::atomic<std::uintptr_t> next{first};
    std::mutex mutex;
    std::unordered_map<std::uintptr_t, std::shared_ptr<Object>> objects;
  };

  // Never destroyed: a thread may still ask while the process ends.
  Table& here() {
    const pid_t process = ::getpid();
    Table* table = table_.load();
    while (table == nullptr || table->process != process) {
      auto* fresh = new Table{process, table ? table->next.load() : step, table};
      if (table_.compare_exchange_strong(table, fresh)) return *fresh;
      delete fresh;
    }
    return *table;
  }

  std::atomic<Table*> table_{nullptr};
};

}  // namespace headrace
