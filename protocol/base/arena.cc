#include "protocol/base/arena.h"

#include <algorithm>

namespace moldau {

void* Arena::allocate_slow(std::size_t size) {
  const std::size_t block = std::max(size, blocks_.empty() ? first_size_ : std::max<std::size_t>(first_size_, capacity_ * 2));
  blocks_.push_back(std::unique_ptr<std::byte[]>(new std::byte[block]));  // left uninitialised on purpose
  held_ += block;
  current_ = blocks_.back().get();
  capacity_ = block;
  used_ = size;
  if (blocks_.size() == 1) first_capacity_ = block;
  return current_;
}

void Arena::reset() noexcept {
  if (blocks_.empty()) return;
  if (first_capacity_ > 4 * first_size_) {
    blocks_.clear();
    current_ = nullptr;
    capacity_ = used_ = held_ = 0;
    return;
  }
  blocks_.resize(1);
  current_ = blocks_.front().get();
  capacity_ = first_capacity_;
  held_ = first_capacity_;
  used_ = 0;
}

}  // namespace moldau
