// WatchSet: the watches of one waiter, a few of them in place.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "replication/delayed/wait_list.h"

namespace moldau::replication {

class WatchSet {
 public:
  explicit WatchSet(std::size_t n) {
    if (n > kInline) more_ = std::make_unique<Watch[]>(n);
  }
  Watch& operator[](std::size_t i) noexcept { return more_ ? more_[i] : inline_[i]; }

 private:
  static constexpr std::size_t kInline = 4;
  std::array<Watch, kInline> inline_;
  std::unique_ptr<Watch[]> more_;
};

}  // namespace moldau::replication
