#include "replication/delayed/wait_list.h"

#include "protocol/base/check.h"

namespace moldau::replication {

void Watch::unlink() noexcept {
  if (list_ == nullptr) return;
  list_->remove(*this);
  list_ = nullptr;
}

void WaitList::add(Watch& watch, Waiter& waiter, WaitFor what, Offset threshold) {
  MOLDAU_CHECK(watch.list_ == nullptr, "a watch hangs on one list");
  {
    const std::lock_guard lock(mutex_);
    watch.list_ = this;
    watch.waiter_ = &waiter;
    watch.what_ = what;
    watch.threshold_ = threshold;
    watch.prev_ = nullptr;
    watch.next_ = head_;
    watch.fired_.store(false, std::memory_order_relaxed);
    if (head_ != nullptr) head_->prev_ = &watch;
    head_ = &watch;
    size_.fetch_add(1, std::memory_order_relaxed);
    if (what == WaitFor::low_watermark) low_watermark_watches_.fetch_add(1, std::memory_order_seq_cst);
  }
  // Pairs with the fence in wake(): either the waker sees the watch or the caller sees the new offset.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void WaitList::remove(Watch& watch) noexcept {
  const std::lock_guard lock(mutex_);
  if (watch.prev_ != nullptr) {
    watch.prev_->next_ = watch.next_;
  } else {
    head_ = watch.next_;
  }
  if (watch.next_ != nullptr) watch.next_->prev_ = watch.prev_;
  size_.fetch_sub(1, std::memory_order_relaxed);
  if (watch.what_ == WaitFor::low_watermark) low_watermark_watches_.fetch_sub(1, std::memory_order_seq_cst);
}

void WaitList::wake(const ReachedOffsets& reached, std::int64_t bytes) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (size_.load(std::memory_order_relaxed) == 0) return;
  ResumeBatch batch;
  const std::lock_guard lock(mutex_);
  for (Watch* w = head_; w != nullptr; w = w->next_) {
    const Offset at = reached.of(w->what_);
    if (at < w->threshold_) continue;
    w->fired_.store(true, std::memory_order_release);
    if (w->waiter_->credit(bytes)) batch.add(w->waiter_->signal());
  }
}

void WaitList::wake_all() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (size_.load(std::memory_order_relaxed) == 0) return;
  ResumeBatch batch;
  const std::lock_guard lock(mutex_);
  for (Watch* w = head_; w != nullptr; w = w->next_) {
    w->fired_.store(true, std::memory_order_release);
    batch.add(w->waiter_->signal());
  }
}

}  // namespace moldau::replication
