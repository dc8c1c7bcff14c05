// KeyDigest: 128 bits that stand for a record's key in the SkimpyOffsetMap.
//
// DIFFERS: Apache Kafka takes MD5, for which anybody can make two keys with one digest, so that one of the two records is lost. SipHash-2-4 with a key that
// is drawn for each pass has the same width, is faster on short keys, and its collisions can't be made by who writes the records.
#pragma once

#include <cstdint>

#include "protocol/base/bytes.h"

namespace moldau::storage {

struct KeyDigest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const KeyDigest&, const KeyDigest&) = default;
};

/// The secret of a KeyHasher.
struct HashSecret {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

/// SipHash-2-4 with 128 bits of output (Aumasson, Bernstein).
KeyDigest digest_of(Bytes key, const HashSecret& secret) noexcept;

}  // namespace moldau::storage
