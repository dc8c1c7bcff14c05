// Strong types over integers: an Offset is never taken for an epoch.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace moldau {

/// An integer with a name. Explicit to make and to read; ordered, hashable, trivially copyable.
template <class Tag, class Rep>
class Strong {
 public:
  using rep = Rep;
  constexpr Strong() noexcept = default;
  constexpr explicit Strong(Rep value) noexcept : value_(value) {}
  [[nodiscard]] constexpr Rep value() const noexcept { return value_; }
  friend constexpr auto operator<=>(const Strong&, const Strong&) noexcept = default;

  constexpr Strong& operator++() noexcept {
    ++value_;
    return *this;
  }
  friend constexpr Strong operator+(Strong a, Rep b) noexcept { return Strong(static_cast<Rep>(a.value_ + b)); }
  friend constexpr Strong operator-(Strong a, Rep b) noexcept { return Strong(static_cast<Rep>(a.value_ - b)); }
  friend constexpr Rep operator-(Strong a, Strong b) noexcept { return static_cast<Rep>(a.value_ - b.value_); }

 private:
  Rep value_{};
};

template <class T>
inline constexpr bool is_strong_v = false;
template <class Tag, class Rep>
inline constexpr bool is_strong_v<Strong<Tag, Rep>> = true;

}  // namespace moldau

template <class Tag, class Rep>
struct std::hash<moldau::Strong<Tag, Rep>> {
  std::size_t operator()(moldau::Strong<Tag, Rep> v) const noexcept { return std::hash<Rep>{}(v.value()); }
};
