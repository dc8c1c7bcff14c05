// snappy: the xerial stream of snappy-java (header, then int32 length and a raw block each); plain raw blocks are read as well.
#include <snappy.h>

#include <algorithm>
#include <array>

#include "protocol/records/compression/codecs.h"

namespace moldau::protocol::codecs {
namespace {

constexpr std::array<unsigned char, 16> kHeader = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
constexpr std::size_t kMagicSize = 8;
constexpr std::size_t kBlockSize = 32768;

Status append_raw_block(Bytes block, ByteBuffer& out, std::size_t& produced, std::size_t max_size) {
  const auto* p = reinterpret_cast<const char*>(block.data());
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(p, block.size(), &size)) return corrupt("snappy", "FAILED_TO_UNCOMPRESS(5)");
  if (size > max_size - produced) return too_large("snappy", max_size);
  // A block announces its size before anything is checked; snappy expands at most 64/3 times, so a lie is found here.
  if (size / 32 > block.size()) return corrupt("snappy", "FAILED_TO_UNCOMPRESS(5)");
  if (!snappy::RawUncompress(p, block.size(), reinterpret_cast<char*>(out.prepare(size)))) return corrupt("snappy", "FAILED_TO_UNCOMPRESS(5)");
  out.commit(size);
  produced += size;
  return {};
}

}  // namespace

Status snappy_compress(Bytes in, ByteBuffer& out) {
  out.append(Bytes(reinterpret_cast<const std::byte*>(kHeader.data()), kHeader.size()));
  while (!in.empty()) {
    const Bytes block = in.first(std::min(in.size(), kBlockSize));
    std::byte* const p = out.prepare(4 + snappy::MaxCompressedLength(block.size()));
    std::size_t size = 0;
    snappy::RawCompress(reinterpret_cast<const char*>(block.data()), block.size(), reinterpret_cast<char*>(p + 4), &size);
    store_be(p, static_cast<std::int32_t>(size));
    out.commit(4 + size);
    in = in.subspan(block.size());
  }
  return {};
}

Status snappy_decompress(Bytes in, ByteBuffer& out, std::size_t max_size) {
  std::size_t produced = 0;
  const auto has_magic = [](Bytes b) { return b.size() >= kHeader.size() && std::memcmp(b.data(), kHeader.data(), kMagicSize) == 0; };
  if (!has_magic(in)) {
    if (in.empty()) return truncated("snappy");
    return append_raw_block(in, out, produced, max_size);
  }
  if (load_be<std::int32_t>(in.data() + kMagicSize) < 1) return corrupt("snappy", "Compressed with an incompatible codec version");
  in = in.subspan(kHeader.size());
  while (in.size() >= 4) {
    const auto size = load_be<std::int32_t>(in.data());
    if (has_magic(in)) {  // concatenated streams
      in = in.subspan(kHeader.size());
      continue;
    }
    if (size < 0 || static_cast<std::size_t>(size) > in.size() - 4) return corrupt("snappy", "failed to read chunk");
    if (size > 0) {
      if (auto s = append_raw_block(in.subspan(4, static_cast<std::size_t>(size)), out, produced, max_size); !s) return s.error();
    }
    in = in.subspan(4 + static_cast<std::size_t>(size));
  }
  return {};  // up to three stray bytes are taken for the end, as snappy-java does
}

}  // namespace moldau::protocol::codecs
