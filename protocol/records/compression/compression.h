// The codecs of record batches, whole buffer to whole buffer, with Kafka's framings.
//
//   1 gzip    RFC 1952; several members and trailing garbage are read; written header 1f 8b 08 00 00000000 00 ff
//   2 snappy  xerial stream of 32 KiB blocks is written; a raw snappy block is read too
//   3 lz4     LZ4 frame of independent 64 KiB blocks, no checksums (FLG 0x60, BD 0x40); with magic 0 the header checksum covers the frame's
//             magic as well, and is not checked on read
//   4 zstd    frames without content size and checksum
//
// Stateless for the caller; contexts are kept per thread. All functions are safe on hostile input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/records/compression/scratch_buffer.h"

namespace moldau::protocol {

/// The codec id, bits 0-2 of a batch's attributes.
enum class Codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

/// "none", "gzip", "snappy", "lz4", "zstd", as Kafka prints them.
std::string_view to_string(Codec codec) noexcept;

/// Stands for the codec's own default: gzip -1 (zlib's 6), lz4 9, zstd 3.
inline constexpr int kDefaultLevel = std::numeric_limits<int>::min();

/// Largest decompressed size that is taken when the caller has no better bound.
inline constexpr std::size_t kDefaultMaxDecompressed = std::size_t{128} << 20;

struct CompressOptions {
  Codec codec = Codec::none;
  int level = kDefaultLevel;
  std::int8_t magic = 2;  ///< of the batch around it; matters for lz4 with magic 0
};

/// Appends the compressed form of `in` to `out`; Codec::none copies. Errors: UNKNOWN_SERVER_ERROR when the library fails.
Status compress(const CompressOptions& options, Bytes in, ByteBuffer& out);

/// Appends what `in` decompresses to. Errors, as Kafka 3.9 answers them: INVALID_RECORD when the data ends too early,
/// UNKNOWN_SERVER_ERROR when it is corrupt, MESSAGE_TOO_LARGE when more than `max_size` bytes come out (ours; Kafka has no bound).
Status decompress(Codec codec, Bytes in, ByteBuffer& out, std::size_t max_size, std::int8_t magic = 2);

}  // namespace moldau::protocol
