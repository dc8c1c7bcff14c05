// ByteBuffer: the growable bytes that an answer is written into. Unlike std::vector it leaves new bytes uninitialised.
//
// Owner thread: whoever writes the answer; then it moves to the connection, which sends it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

#include "protocol/base/bytes.h"

namespace moldau::protocol {

class ByteBuffer {
 public:
  ByteBuffer() = default;
  explicit ByteBuffer(std::size_t capacity) { reserve(capacity); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  std::byte* data() noexcept { return data_.get(); }
  [[nodiscard]] const std::byte* data() const noexcept { return data_.get(); }
  [[nodiscard]] Bytes bytes() const noexcept { return {data_.get(), size_}; }

  /// Makes room for `capacity` bytes in all.
  void reserve(std::size_t capacity) {
    if (capacity > capacity_) grow_to(capacity);
  }
  /// `n` more bytes, uninitialised; the pointer holds until the next growth.
  std::byte* extend(std::size_t n) {
    if (n > capacity_ - size_) [[unlikely]]
      grow_to(std::max(size_ + n, capacity_ * 2));
    std::byte* at = data_.get() + size_;
    size_ += n;
    return at;
  }
  void append(Bytes more) {
    if (!more.empty()) std::memcpy(extend(more.size()), more.data(), more.size());
  }
  /// Forgets the content beyond `n` bytes; memory is kept. REQUIRES: n <= size().
  void truncate(std::size_t n) noexcept { size_ = n; }
  void clear() noexcept { size_ = 0; }

 private:
  void grow_to(std::size_t capacity) {
    auto fresh = std::make_unique_for_overwrite<std::byte[]>(capacity);
    if (size_ > 0) std::memcpy(fresh.get(), data_.get(), size_);
    data_ = std::move(fresh);
    capacity_ = capacity;
  }

  std::unique_ptr<std::byte[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace moldau::protocol
