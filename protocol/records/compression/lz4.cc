// lz4: one LZ4 frame of independent blocks, as Kafka's Lz4BlockOutputStream writes it and Lz4BlockInputStream reads it.
//   magic 04 22 4d 18, FLG, BD, [content size 8], header checksum; blocks: u32 LE size (top bit: stored), data, [checksum]; 0; [content checksum]
#include <lz4.h>
#include <lz4hc.h>

#include <algorithm>

#include "protocol/records/compression/codecs.h"
#include "protocol/records/compression/xxhash32.h"

namespace moldau::protocol::codecs {
namespace {

constexpr std::uint32_t kMagic = 0x184D2204;
constexpr std::byte kFlg{0x60};
constexpr std::byte kBd{0x40};
constexpr std::size_t kBlockSize = 65536;
constexpr std::uint32_t kStored = 0x80000000;
constexpr int kFastLevel = 9;  // Kafka's default level stands for the fast compressor, any other for the high one (KIP-390)

std::uint32_t load_le32(const std::byte* p) {
  const auto v = load_be<std::uint32_t>(p);
  return byteswap(v);
}
void store_le32(std::byte* p, std::uint32_t v) { store_be(p, byteswap(v)); }

std::byte header_checksum(Bytes covered) { return static_cast<std::byte>(xxhash32(covered) >> 8); }

// The state of the high compressor is 256 KiB: kept per thread instead of allocated per block.
int compress_block(const char* from, char* to, int size, int capacity, int level) {
  if (level == kFastLevel) return LZ4_compress_default(from, to, size, capacity);
  thread_local ByteBuffer state;
  state.resize(static_cast<std::size_t>(LZ4_sizeofStateHC()));
  return LZ4_compress_HC_extStateHC(state.data(), from, to, size, capacity, level);
}

}  // namespace

Status lz4_compress(Bytes in, int level, bool old_checksum, ByteBuffer& out) {
  std::byte* h = out.prepare(7);
  store_le32(h, kMagic);
  h[4] = kFlg;
  h[5] = kBd;
  h[6] = header_checksum(old_checksum ? Bytes(h, 6) : Bytes(h + 4, 2));
  out.commit(7);
  while (!in.empty()) {
    const Bytes block = in.first(std::min(in.size(), kBlockSize));
    const int bound = LZ4_compressBound(static_cast<int>(block.size()));
    std::byte* const p = out.prepare(4 + static_cast<std::size_t>(bound));
    const int size = compress_block(reinterpret_cast<const char*>(block.data()), reinterpret_cast<char*>(p + 4), static_cast<int>(block.size()), bound, level);
    if (size <= 0) return Error(ErrorCode::unknown_server_error, "lz4: cannot compress");
    if (static_cast<std::size_t>(size) >= block.size()) {
      store_le32(p, static_cast<std::uint32_t>(block.size()) | kStored);
      std::memcpy(p + 4, block.data(), block.size());
      out.commit(4 + block.size());
    } else {
      store_le32(p, static_cast<std::uint32_t>(size));
      out.commit(4 + static_cast<std::size_t>(size));
    }
    in = in.subspan(block.size());
  }
  store_le32(out.prepare(4), 0);
  out.commit(4);
  return {};
}

Status lz4_decompress(Bytes in, bool ignore_checksum, ByteBuffer& out, std::size_t max_size) {
  if (in.size() < 7) return corrupt("lz4", "Stream ended prematurely");
  if (load_le32(in.data()) != kMagic) return corrupt("lz4", "Stream unsupported (invalid magic bytes)");
  const auto flg = std::to_integer<unsigned>(in[4]);
  const auto bd = std::to_integer<unsigned>(in[5]);
  if ((flg >> 6) != 1) return corrupt("lz4", "Version is unsupported");
  if ((flg & 3U) != 0) return corrupt("lz4", "Reserved bits must be 0");
  if ((flg & 0x20U) == 0) return corrupt("lz4", "Dependent block stream is unsupported (BLOCK_INDEPENDENCE must be set)");
  if ((bd & 0x8FU) != 0) return corrupt("lz4", "Reserved bits must be 0");
  const unsigned size_code = (bd >> 4) & 7U;
  if (size_code < 4) return corrupt("lz4", "Block size value must be between 4 and 7");
  const std::size_t max_block = std::size_t{1} << (8 + 2 * size_code);
  const bool block_checksum = (flg & 0x10U) != 0;
  const std::size_t header = (flg & 8U) != 0 ? 15 : 7;  // with the content size, which is not looked at
  if (in.size() < header) return corrupt("lz4", "Stream ended prematurely");
  if (!ignore_checksum && header_checksum(in.subspan(4, header - 5)) != in[header - 1]) return corrupt("lz4", "Stream frame descriptor corrupted");
  in = in.subspan(header);

  std::size_t produced = 0;
  for (;;) {
    if (in.size() < 4) return corrupt("lz4", "Stream ended prematurely");
    const auto word = load_le32(in.data());
    if (word == 0) return {};  // what follows the end mark (content checksum, another frame) is not looked at
    in = in.subspan(4);
    const std::size_t size = word & ~kStored;
    if (size > max_block) return corrupt("lz4", "Block size exceeded maximum");
    if (size > in.size() || (block_checksum && in.size() - size < 4)) return corrupt("lz4", "Stream ended prematurely");
    const Bytes block = in.first(size);
    if ((word & kStored) != 0) {
      if (size > max_size - produced) return too_large("lz4", max_size);
      out.append(block);
      produced += size;
    } else {
      const std::size_t room = std::min(max_block, max_size - produced);
      const int n = LZ4_decompress_safe(reinterpret_cast<const char*>(block.data()), reinterpret_cast<char*>(out.prepare(room)), static_cast<int>(size), static_cast<int>(room));
      if (n < 0) return room < max_block ? too_large("lz4", max_size) : corrupt("lz4", "Malformed input");
      out.commit(static_cast<std::size_t>(n));
      produced += static_cast<std::size_t>(n);
    }
    if (block_checksum) {
      if (load_le32(in.data() + size) != xxhash32(block)) return corrupt("lz4", "Block checksum mismatch");
      in = in.subspan(4);
    }
    in = in.subspan(size);
  }
}

}  // namespace moldau::protocol::codecs
