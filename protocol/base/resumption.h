// Resumption: a suspended coroutine in a box, without the heap.
//
// Holds the completion handler of one asynchronous wait (what Asio makes of `co_await`) in place, so that whoever ends the wait can take it out under a lock
// and run it after the lock is gone. Move-only; an unused one is destroyed with its coroutine.
#pragma once

#include <boost/asio/post.hpp>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace moldau {

class Resumption {
 public:
  Resumption() noexcept = default;
  template <class Handler>
    requires(!std::is_same_v<std::decay_t<Handler>, Resumption>)
  explicit Resumption(Handler&& handler) {
    using H = std::decay_t<Handler>;
    static_assert(sizeof(H) <= kSize && alignof(H) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<H>);
    new (storage_) H(std::forward<Handler>(handler));
    ops_ = &kOps<H>;
  }
  Resumption(Resumption&& other) noexcept { take(other); }
  Resumption& operator=(Resumption&& other) noexcept {
    if (this != &other) {
      clear();
      take(other);
    }
    return *this;
  }
  ~Resumption() { clear(); }

  explicit operator bool() const noexcept { return ops_ != nullptr; }

  /// Resumes the coroutine on its own executor, never inside this call. Empty afterwards.
  void post() {
    if (ops_ == nullptr) return;
    const Ops* ops = std::exchange(ops_, nullptr);
    ops->post(storage_);
  }

 private:
  static constexpr std::size_t kSize = 64;
  struct Ops {
    void (*move)(void* to, void* from) noexcept;
    void (*destroy)(void* at) noexcept;
    void (*post)(void* at);
  };
  template <class H>
  static constexpr Ops kOps{
      [](void* to, void* from) noexcept {
        new (to) H(std::move(*static_cast<H*>(from)));
        static_cast<H*>(from)->~H();
      },
      [](void* at) noexcept { static_cast<H*>(at)->~H(); },
      [](void* at) {
        H handler(std::move(*static_cast<H*>(at)));
        static_cast<H*>(at)->~H();
        boost::asio::post(std::move(handler));
      },
  };

  void take(Resumption& other) noexcept {
    if (other.ops_ == nullptr) return;
    ops_ = std::exchange(other.ops_, nullptr);
    ops_->move(storage_, other.storage_);
  }
  void clear() noexcept {
    if (ops_ != nullptr) std::exchange(ops_, nullptr)->destroy(storage_);
  }

  alignas(std::max_align_t) std::byte storage_[kSize];
  const Ops* ops_ = nullptr;
};

/// Coroutines to resume once the locks are gone. Small batches stay off the heap.
class ResumeBatch {
 public:
  ResumeBatch() = default;
  ResumeBatch(const ResumeBatch&) = delete;
  ResumeBatch& operator=(const ResumeBatch&) = delete;
  /// Posts what is left.
  ~ResumeBatch() { post_all(); }
  void add(Resumption&& resumption) {
    if (!resumption) return;
    if (count_ < kInline) {
      inline_[count_++] = std::move(resumption);
    } else {
      more_.push_back(std::move(resumption));
    }
  }
  void post_all() {
    for (std::size_t i = 0; i < count_; ++i) inline_[i].post();
    count_ = 0;
    for (auto& r : more_) r.post();
    more_.clear();
  }

 private:
  static constexpr std::size_t kInline = 4;
  Resumption inline_[kInline];
  std::size_t count_ = 0;
  std::vector<Resumption> more_;
};

}  // namespace moldau
