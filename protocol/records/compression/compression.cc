#include "protocol/records/compression/compression.h"

#include <fmt/format.h>

#include <exception>
#include <new>

#include "protocol/records/compression/codecs.h"

namespace moldau::protocol {

std::string_view to_string(Codec codec) noexcept {
  switch (codec) {
    case Codec::none: return "none";
    case Codec::gzip: return "gzip";
    case Codec::snappy: return "snappy";
    case Codec::lz4: return "lz4";
    case Codec::zstd: return "zstd";
  }
  return "unknown";
}

namespace codecs {

Error corrupt(const char* codec, const char* why) { return Error(ErrorCode::unknown_server_error, fmt::format("Failed to decompress record stream: {}: {}", codec, why)); }
Error truncated(const char* codec) { return Error(ErrorCode::invalid_record, fmt::format("Incorrect declared batch size, premature EOF reached in {} data", codec)); }
Error too_large(const char* codec, std::size_t max_size) {
  return Error(ErrorCode::message_too_large, fmt::format("The {} data decompresses to more than {} bytes", codec, max_size));
}

}  // namespace codecs

Status compress(const CompressOptions& options, Bytes in, ByteBuffer& out) {
  switch (options.codec) {
    case Codec::none: out.append(in); return {};
    case Codec::gzip: return codecs::gzip_compress(in, options.level == kDefaultLevel ? -1 : options.level, out);
    case Codec::snappy: return codecs::snappy_compress(in, out);
    case Codec::lz4: return codecs::lz4_compress(in, options.level == kDefaultLevel ? 9 : options.level, options.magic == 0, out);
    case Codec::zstd: return codecs::zstd_compress(in, options.level == kDefaultLevel ? 3 : options.level, out);
  }
  return Error(ErrorCode::unknown_server_error, "Unknown compression type");
}

Status decompress(Codec codec, Bytes in, ByteBuffer& out, std::size_t max_size, std::int8_t magic) {
  switch (codec) {
    case Codec::none:
      if (in.size() > max_size) return codecs::too_large("none", max_size);
      out.append(in);
      return {};
    case Codec::gzip: return codecs::gzip_decompress(in, out, max_size);
    case Codec::snappy: return codecs::snappy_decompress(in, out, max_size);
    case Codec::lz4: return codecs::lz4_decompress(in, magic == 0, out, max_size);
    case Codec::zstd: return codecs::zstd_decompress(in, out, max_size);
  }
  return Error(ErrorCode::unknown_server_error, "Unknown compression type");
}

}  // namespace moldau::protocol
