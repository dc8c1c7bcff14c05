// The `records` field of Produce, Fetch and their kin: bytes of record batches that the message does not look into.
#pragma once

#include <algorithm>
#include <cstdint>

#include "protocol/base/bytes.h"

namespace moldau::protocol {

/// Either a view of bytes in memory, or (in an answer) the number of a payload outside, a file region that the network
/// layer sends itself with sendfile: the Writer then writes only the length and notes a Splice.
struct Records {
  Bytes bytes;                      ///< The batches; unused when `external` is set.
  std::uint64_t external_size = 0;  ///< Bytes of the payload outside.
  std::uint32_t external = 0;       ///< 0: none; n: payload n - 1 of the answer.
  bool null = false;                ///< Null on the wire (nullable fields only).

  Records() = default;
  Records(Bytes b) : bytes(b) {}  // NOLINT(google-explicit-constructor): a view of bytes is what it usually is
  static Records make_null() {
    Records r;
    r.null = true;
    return r;
  }
  static Records make_external(std::uint32_t index, std::uint64_t size) {
    Records r;
    r.external = index + 1;
    r.external_size = size;
    return r;
  }
  /// Bytes on the wire after the length.
  [[nodiscard]] std::uint64_t size() const noexcept { return external != 0 ? external_size : bytes.size(); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  friend bool operator==(const Records& a, const Records& b) noexcept {
    return a.null == b.null && a.external == b.external && a.external_size == b.external_size && std::ranges::equal(a.bytes, b.bytes);
  }
};

}  // namespace moldau::protocol
