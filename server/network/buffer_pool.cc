#include "server/network/buffer_pool.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>

namespace moldau::server {
namespace {

std::size_t class_of(std::size_t capacity) { return static_cast<std::size_t>(std::bit_width(capacity) - std::bit_width(BufferPool::kSmallest)); }

}  // namespace

void PooledBuffer::Free::operator()(std::byte* p) const noexcept { std::free(p); }

void PooledBuffer::release() noexcept {
  if (data_ == nullptr) return;
  if (!BufferPool::local().give(data_, capacity_)) data_.reset();
  capacity_ = 0;
}

BufferPool& BufferPool::local() {
  thread_local BufferPool pool;
  return pool;
}

PooledBuffer BufferPool::take(std::size_t size) {
  PooledBuffer buffer;
  const std::size_t capacity = size > kLargest ? size : std::max(kSmallest, std::bit_ceil(size));
  if (capacity <= kLargest) {
    auto& list = free_[class_of(capacity)];
    if (!list.empty()) {
      buffer.data_ = std::move(list.back());
      list.pop_back();
      kept_ -= capacity;
      buffer.capacity_ = capacity;
      return buffer;
    }
  }
  // malloc leaves the pages untouched: a length that never gets its bytes costs address space only.
  auto* data = static_cast<std::byte*>(std::malloc(capacity));
  if (data == nullptr) throw std::bad_alloc();
  buffer.data_.reset(data);
  buffer.capacity_ = capacity;
  return buffer;
}

bool BufferPool::give(std::unique_ptr<std::byte, PooledBuffer::Free>& data, std::size_t capacity) noexcept {
  if (capacity > kLargest || kept_ + capacity > kKeptBytes) return false;
  auto& list = free_[class_of(capacity)];
  try {
    list.push_back(std::move(data));
  } catch (const std::bad_alloc&) {
    return false;
  }
  kept_ += capacity;
  return true;
}

}  // namespace moldau::server
