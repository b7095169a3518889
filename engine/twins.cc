#include "engine/twins.h"

#include <algorithm>

namespace headrace {

Twins::Sending::Sending(std::shared_ptr<Twins> twins, Scope& scope, const SendPart& work)
    : twins_(std::move(twins)), scope_(scope), object_(work.object), part_(work.part) {
  std::lock_guard lock(twins_->mutex_);
  twins_->sendings_.push_back(this);
}

Twins::Sending::~Sending() {
  std::lock_guard lock(twins_->mutex_);
  std::erase(twins_->sendings_, this);
}

void Twins::Sending::begins(std::string_view address) {
  std::lock_guard lock(twins_->mutex_);
  address_ = address;
  bytes_ = 0;
}

bool Twins::Sending::dropped() const {
  std::lock_guard lock(twins_->mutex_);
  return dropped_;
}

void Twins::end_twin(const Sending& confirmed) {
  std::lock_guard lock(mutex_);
  for (Sending* sending : sendings_) {
    if (!are_twins(*sending, confirmed) || sending->dropped_) continue;
    sending->dropped_ = true;
    sending->scope_.worker().send([self = shared_from_this(), sending] { self->cancel(sending); });
  }
}

// On the worker of that send, which alone ends it: if it is there now, it is there until we return.
// Another one at the same address was made since, and has not been dropped.
void Twins::cancel(const Sending* sending) {
  Scope* scope = nullptr;
  {
    std::lock_guard lock(mutex_);
    auto found = std::ranges::find(sendings_, sending);
    if (found != sendings_.end() && (*found)->dropped_) scope = &(*found)->scope_;
  }
  if (scope) scope->cancel();
}

Twins::State Twins::twin_of(const Sending& sending) const {
  std::lock_guard lock(mutex_);
  for (const Sending* other : sendings_) {
    if (!are_twins(*other, sending)) continue;
    return {.address = other->address_, .bytes = other->bytes_.load(std::memory_order_relaxed)};
  }
  return {};
}

}  // namespace headrace
