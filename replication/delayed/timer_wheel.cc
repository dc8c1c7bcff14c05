#include "replication/delayed/timer_wheel.h"

#include <bit>

namespace moldau::replication {

std::int64_t TimerWheel::tick_of(SteadyTime t, bool up) const {
  using std::chrono::nanoseconds;
  constexpr std::int64_t kTickNs = kTickMs * 1'000'000;
  const std::int64_t ns = std::chrono::duration_cast<nanoseconds>(t - origin_).count();
  if (ns <= 0) return 0;
  return up ? (ns + kTickNs - 1) / kTickNs : ns / kTickNs;
}

void TimerWheel::link(Waiter& waiter, std::int64_t tick) {
  const auto slot = static_cast<std::size_t>(tick) % kSlots;
  waiter.wheel_tick_ = tick;
  waiter.wheel_prev_ = nullptr;
  waiter.wheel_next_ = slots_[slot];
  if (slots_[slot] != nullptr) slots_[slot]->wheel_prev_ = &waiter;
  slots_[slot] = &waiter;
  used_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  waiter.in_wheel_ = true;
  ++size_;
}

void TimerWheel::unlink(Waiter& waiter) {
  const auto slot = static_cast<std::size_t>(waiter.wheel_tick_) % kSlots;
  if (waiter.wheel_prev_ != nullptr) {
    waiter.wheel_prev_->wheel_next_ = waiter.wheel_next_;
  } else {
    slots_[slot] = waiter.wheel_next_;
    if (slots_[slot] == nullptr) used_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  }
  if (waiter.wheel_next_ != nullptr) waiter.wheel_next_->wheel_prev_ = waiter.wheel_prev_;
  waiter.wheel_prev_ = waiter.wheel_next_ = nullptr;
  waiter.in_wheel_ = false;
  --size_;
}

std::optional<SteadyTime> TimerWheel::add(Waiter& waiter, SteadyTime deadline) {
  const std::int64_t tick = tick_of(deadline, true);
  const std::lock_guard lock(mutex_);
  if (closed_) return std::nullopt;
  if (waiter.in_wheel_) {
    if (waiter.wheel_tick_ == tick) return time_of(tick);
    unlink(waiter);
  }
  // A deadline that is past fires with the next tick.
  const std::int64_t at = tick > now_tick_ ? tick : now_tick_ + 1;
  link(waiter, at);
  return time_of(at);
}

void TimerWheel::remove(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  if (waiter.in_wheel_) unlink(waiter);
}

std::optional<SteadyTime> TimerWheel::advance(SteadyTime now) {
  const std::int64_t to = tick_of(now, false);
  ResumeBatch batch;  // posted after the lock is gone
  const std::lock_guard lock(mutex_);
  if (to > now_tick_) {
    // After a whole round every slot is due to be looked at once.
    const std::int64_t steps = std::min<std::int64_t>(to - now_tick_, static_cast<std::int64_t>(kSlots));
    for (std::int64_t i = 1; i <= steps && size_ > 0; ++i) {
      const auto slot = static_cast<std::size_t>(now_tick_ + i) % kSlots;
      for (Waiter* w = slots_[slot]; w != nullptr;) {
        Waiter* next = w->wheel_next_;
        if (w->wheel_tick_ <= to) {
          unlink(*w);
          batch.add(w->signal(Waiter::kTimedOut));
        }
        w = next;
      }
    }
    now_tick_ = to;
  }
  const auto next = next_tick();
  if (!next) return std::nullopt;
  return time_of(*next);
}

std::optional<std::int64_t> TimerWheel::next_tick() const {
  if (size_ == 0) return std::nullopt;
  const auto start = static_cast<std::size_t>(now_tick_ + 1) % kSlots;
  // The first non-empty slot from `start` on, around the wheel; its entries may belong to a later round, which costs one idle look.
  for (std::size_t n = 0; n <= used_.size(); ++n) {
    const std::size_t word = (start / 64 + n) % used_.size();
    std::uint64_t bits = used_[word];
    if (n == 0) bits &= ~std::uint64_t{0} << (start % 64);
    if (bits == 0) continue;
    const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
    const std::size_t ahead = (slot + kSlots - start) % kSlots;
    return now_tick_ + 1 + static_cast<std::int64_t>(ahead);
  }
  return std::nullopt;
}

void TimerWheel::close() {
  ResumeBatch batch;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (Waiter*& head : slots_) {
    while (head != nullptr) {
      Waiter* w = head;
      unlink(*w);
      batch.add(w->signal(Waiter::kCancelled));
    }
  }
}

std::size_t TimerWheel::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace moldau::replication
