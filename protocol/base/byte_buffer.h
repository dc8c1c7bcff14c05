// ByteBuffer: an owned, growing run of bytes that is not zeroed before it is written: answers on their way out, batches in the making.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "protocol/base/bytes.h"

namespace moldau::protocol {

/// Movable, not copyable. Growth doubles; the content moves then.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  explicit ByteBuffer(std::size_t capacity) { reserve(capacity); }
  ByteBuffer(ByteBuffer&& other) noexcept
      : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)), capacity_(std::exchange(other.capacity_, 0)) {}
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::byte* data() noexcept { return data_.get(); }
  [[nodiscard]] const std::byte* data() const noexcept { return data_.get(); }
  [[nodiscard]] Bytes bytes() const noexcept { return {data_.get(), size_}; }
  [[nodiscard]] MutableBytes mutable_bytes() noexcept { return {data_.get(), size_}; }

  void reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    auto fresh = std::make_unique_for_overwrite<std::byte[]>(capacity);
    if (size_ > 0) std::memcpy(fresh.get(), data_.get(), size_);
    data_ = std::move(fresh);
    capacity_ = capacity;
  }
  /// Room for `n` more bytes behind the content; commit() makes what was written there part of it.
  std::byte* prepare(std::size_t n) {
    if (capacity_ - size_ < n) reserve(std::max(size_ + n, capacity_ * 2));
    return data_.get() + size_;
  }
  /// REQUIRES: n <= what prepare() made room for.
  void commit(std::size_t n) noexcept { size_ += n; }
  /// The new bytes, if any, are not initialised.
  void resize(std::size_t size) {
    reserve(size);
    size_ = size;
  }
  void append(Bytes bytes) {
    if (bytes.empty()) return;
    std::memcpy(prepare(bytes.size()), bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  /// `n` more bytes, uninitialised, as part of the content; the pointer holds until the next growth.
  std::byte* extend(std::size_t n) {
    std::byte* at = prepare(n);
    size_ += n;
    return at;
  }
  /// Forgets the content beyond `n` bytes; memory is kept. REQUIRES: n <= size().
  void truncate(std::size_t n) noexcept { size_ = n; }
  void clear() noexcept { size_ = 0; }

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace moldau::protocol
