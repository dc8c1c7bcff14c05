// Buffers for frames and answers, kept per I/O thread so that the steady state takes none from the heap.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "protocol/base/bytes.h"

namespace moldau::server {

class BufferPool;

/// A block of uninitialised bytes that goes back to its pool. Move-only.
class PooledBuffer {
 public:
  PooledBuffer() = default;
  PooledBuffer(PooledBuffer&& other) noexcept : data_(std::move(other.data_)), capacity_(std::exchange(other.capacity_, 0)) {}
  PooledBuffer& operator=(PooledBuffer&& other) noexcept {
    release();
    data_ = std::move(other.data_);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }
  ~PooledBuffer() { release(); }

  [[nodiscard]] std::byte* data() noexcept { return data_.get(); }
  [[nodiscard]] const std::byte* data() const noexcept { return data_.get(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool empty() const noexcept { return capacity_ == 0; }
  MutableBytes span(std::size_t size) noexcept { return {data_.get(), size}; }

 private:
  friend class BufferPool;
  void release() noexcept;

  struct Free {
    void operator()(std::byte* p) const noexcept;
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t capacity_ = 0;
};

/// The pool of the calling thread. Blocks are powers of two from 1 KiB; larger than kLargest go straight to the heap and back.
/// Keeps at most kKeptBytes: what a burst needed beyond that is given back to the system.
class BufferPool {
 public:
  static constexpr std::size_t kSmallest = 1024;
  static constexpr std::size_t kLargest = std::size_t{4} << 20;
  static constexpr std::size_t kKeptBytes = std::size_t{8} << 20;

  static BufferPool& local();
  /// A buffer of at least `size` bytes.
  PooledBuffer take(std::size_t size);

 private:
  friend class PooledBuffer;
  static constexpr std::size_t kClasses = 13;
  bool give(std::unique_ptr<std::byte, PooledBuffer::Free>& data, std::size_t capacity) noexcept;

  std::array<std::vector<std::unique_ptr<std::byte, PooledBuffer::Free>>, kClasses> free_;
  std::size_t kept_ = 0;
};

}  // namespace moldau::server
