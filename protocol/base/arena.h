// Arena: memory of one request. Array<T>: a growable array in an arena.
//
// Decoded messages and answers live in the request's arena: their arrays and copied strings are released together,
// nothing in them owns memory, all generated structs are trivially copyable. (That also keeps clear of g++ 12's
// double destruction of aggregates in co_await expressions.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <vector>

#include "protocol/base/bytes.h"

namespace moldau {

/// A bump allocator. Not thread-safe; belongs to one request. reset() keeps the first block for reuse.
class Arena {
 public:
  explicit Arena(std::size_t first_block = 4096) : first_size_(first_block) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Uninitialised memory that lives until reset() or destruction. `align` is a power of two, at most 16.
  void* allocate(std::size_t size, std::size_t align) {
    const std::size_t at = (used_ + align - 1) & ~(align - 1);
    if (current_ != nullptr && at + size <= capacity_) [[likely]] {
      used_ = at + size;
      return current_ + at;
    }
    return allocate_slow(size);
  }

  /// A copy of the text that lives as long as the arena's content.
  std::string_view dup(std::string_view text) {
    if (text.empty()) return {"", 0};
    auto* p = static_cast<char*>(allocate(text.size(), 1));
    std::memcpy(p, text.data(), text.size());
    return {p, text.size()};
  }
  Bytes dup(Bytes bytes) {
    if (bytes.empty()) return {};
    auto* p = static_cast<std::byte*>(allocate(bytes.size(), 1));
    std::memcpy(p, bytes.data(), bytes.size());
    return {p, bytes.size()};
  }

  /// Forgets all content. Blocks beyond the first go back to the heap.
  void reset() noexcept;
  /// Bytes taken from the heap and still held.
  [[nodiscard]] std::size_t held() const noexcept { return held_; }

 private:
  void* allocate_slow(std::size_t size);

  std::byte* current_ = nullptr;
  std::size_t used_ = 0;
  std::size_t capacity_ = 0;
  std::size_t first_size_;
  std::size_t held_ = 0;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::size_t first_capacity_ = 0;
};

/// A growable array whose elements live in an arena. Trivially copyable: a copy shares the elements.
template <class T>
class Array {
 public:
  using value_type = T;

  constexpr Array() noexcept = default;
  /// `n` value-initialised elements.
  Array(Arena& arena, std::size_t n) {
    reserve(arena, n);
    for (std::size_t i = 0; i < n; ++i) new (data_ + i) T{};
    size_ = static_cast<std::uint32_t>(n);
  }
  /// A copy of [first, last) in the arena.
  template <class Range>
  static Array copy(Arena& arena, const Range& range) {
    Array a;
    a.reserve(arena, static_cast<std::size_t>(std::size(range)));
    for (const auto& v : range) a.push_back(arena, static_cast<T>(v));
    return a;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + size_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  T& back() noexcept { return data_[size_ - 1]; }
  const T& back() const noexcept { return data_[size_ - 1]; }

  void reserve(Arena& arena, std::size_t n) {
    static_assert(std::is_trivially_destructible_v<T>, "elements of an arena array own nothing");
    if (n <= capacity_) return;
    auto* fresh = static_cast<T*>(arena.allocate(n * sizeof(T), alignof(T)));
    if (size_ > 0) std::memcpy(static_cast<void*>(fresh), static_cast<const void*>(data_), size_ * sizeof(T));
    data_ = fresh;
    capacity_ = static_cast<std::uint32_t>(n);
  }
  void push_back(Arena& arena, const T& value) {
    if (size_ == capacity_) {
      const T copy = value;  // `value` may be an element of this array
      reserve(arena, capacity_ == 0 ? 4 : std::size_t{capacity_} * 2);
      new (data_ + size_++) T(copy);
      return;
    }
    new (data_ + size_++) T(value);
  }
  /// Appends a value-initialised element and returns it; the reference holds until the next growth.
  T& add(Arena& arena) {
    if (size_ == capacity_) reserve(arena, capacity_ == 0 ? 4 : std::size_t{capacity_} * 2);
    return *new (data_ + size_++) T{};
  }
  void clear() noexcept { size_ = 0; }

  friend bool operator==(const Array& a, const Array& b) {
    if (a.size_ != b.size_) return false;
    for (std::size_t i = 0; i < a.size_; ++i)
      if (!(a.data_[i] == b.data_[i])) return false;
    return true;
  }

 private:
  T* data_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

}  // namespace moldau
