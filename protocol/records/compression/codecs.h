// The four codecs behind compression.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/base/bytes.h"
#include "protocol/base/error.h"
#include "protocol/records/compression/scratch_buffer.h"

namespace moldau::protocol::codecs {

Status gzip_compress(Bytes in, int level, ByteBuffer& out);
Status gzip_decompress(Bytes in, ByteBuffer& out, std::size_t max_size);

Status snappy_compress(Bytes in, ByteBuffer& out);
Status snappy_decompress(Bytes in, ByteBuffer& out, std::size_t max_size);

/// `old_checksum`: the header checksum of magic 0, which covers the frame magic too (written so, ignored on read).
Status lz4_compress(Bytes in, int level, bool old_checksum, ByteBuffer& out);
Status lz4_decompress(Bytes in, bool ignore_checksum, ByteBuffer& out, std::size_t max_size);

Status zstd_compress(Bytes in, int level, ByteBuffer& out);
Status zstd_decompress(Bytes in, ByteBuffer& out, std::size_t max_size);

/// What the three kinds of failure look like.
Error corrupt(const char* codec, const char* why);
Error truncated(const char* codec);
Error too_large(const char* codec, std::size_t max_size);

/// Room for more output: a step that doubles, within the bound. 0 when the bound is reached.
inline std::size_t next_output_step(const ByteBuffer& out, std::size_t produced, std::size_t max_size) noexcept {
  const std::size_t spare = out.capacity() - out.size();
  std::size_t step = spare > 0 ? spare : (produced < 32768 ? 32768 : produced);
  if (step > max_size - produced) step = max_size - produced;
  return step;
}

}  // namespace moldau::protocol::codecs
