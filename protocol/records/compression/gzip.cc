// gzip: zlib deflates (the levels mean what they mean in Kafka), ISA-L inflates and checks the CRC.
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>

#include "protocol/records/compression/codecs.h"
#include "protocol/records/checksum/crc32.h"

namespace moldau::protocol::codecs {
namespace {

constexpr std::array<unsigned char, 10> kHeader = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};

// A deflate stream that is reset rather than made anew; about 256 KiB a thread that compresses gzip.
struct Deflater {
  z_stream stream{};
  bool open = false;
  int level = 0;
  ~Deflater() {
    if (open) deflateEnd(&stream);
  }
  bool prepare(int wanted) {
    if (open && level == wanted) return deflateReset(&stream) == Z_OK;
    if (open) deflateEnd(&stream);
    open = false;
    stream = z_stream{};
    if (deflateInit2(&stream, wanted, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) return false;
    open = true;
    level = wanted;
    return true;
  }
};

std::uint32_t load_le32(const unsigned char* p) {
  return static_cast<std::uint32_t>(p[0]) | static_cast<std::uint32_t>(p[1]) << 8 | static_cast<std::uint32_t>(p[2]) << 16 | static_cast<std::uint32_t>(p[3]) << 24;
}
void store_le32(unsigned char* p, std::uint32_t v) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<unsigned char>(v >> (8 * i));
}

// The length of a member's header; 0 when it is none, SIZE_MAX when it is cut.
std::size_t member_header_size(const unsigned char* p, std::size_t n) {
  constexpr auto cut = std::numeric_limits<std::size_t>::max();
  if (n >= 1 && p[0] != 0x1f) return 0;
  if (n >= 2 && p[1] != 0x8b) return 0;
  if (n >= 3 && p[2] != 8) return 0;
  if (n < kHeader.size()) return cut;
  const unsigned flags = p[3];
  std::size_t at = kHeader.size();
  if ((flags & 4U) != 0) {  // extra field
    if (n - at < 2) return cut;
    const std::size_t extra = static_cast<std::size_t>(p[at]) | static_cast<std::size_t>(p[at + 1]) << 8;
    at += 2;
    if (n - at < extra) return cut;
    at += extra;
  }
  for (const unsigned text : {8U, 16U}) {  // name, comment
    if ((flags & text) == 0) continue;
    while (at < n && p[at] != 0) ++at;
    if (at == n) return cut;
    ++at;
  }
  if ((flags & 2U) != 0) {  // header CRC
    if (n - at < 2) return cut;
    at += 2;
  }
  return at;
}

}  // namespace

Status gzip_compress(Bytes in, int level, ByteBuffer& out) {
  thread_local Deflater deflater;
  if (in.size() > std::numeric_limits<std::uint32_t>::max() / 2 || !deflater.prepare(level)) return Error(ErrorCode::unknown_server_error, "gzip: cannot compress");
  auto& stream = deflater.stream;
  const std::size_t bound = kHeader.size() + deflateBound(&stream, static_cast<uLong>(in.size())) + 8;
  auto* p = reinterpret_cast<unsigned char*>(out.prepare(bound));
  std::copy(kHeader.begin(), kHeader.end(), p);
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));  // zlib does not write to it
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = p + kHeader.size();
  stream.avail_out = static_cast<uInt>(bound - kHeader.size() - 8);
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) return Error(ErrorCode::unknown_server_error, "gzip: cannot compress");
  auto* const end = stream.next_out;
  store_le32(end, crc32(in));
  store_le32(end + 4, static_cast<std::uint32_t>(in.size()));
  out.commit(static_cast<std::size_t>(end + 8 - p));
  return {};
}

Status gzip_decompress(Bytes in, ByteBuffer& out, std::size_t max_size) {
  thread_local const auto state = std::make_unique<inflate_state>();
  const auto* p = reinterpret_cast<const unsigned char*>(in.data());
  std::size_t left = in.size();
  std::size_t produced = 0;
  for (bool first = true;; first = false) {
    const std::size_t header = member_header_size(p, left);
    if (header == 0 || header > left) {
      if (!first) return {};  // what follows a member and is none is ignored, as java.util.zip.GZIPInputStream does
      if (header == 0 && left > 0) return corrupt("gzip", "Not in GZIP format");
      return truncated("gzip");
    }
    isal_inflate_init(state.get());
    state->crc_flag = ISAL_DEFLATE;  // the trailer is read here
    state->next_in = const_cast<unsigned char*>(p + header);
    state->avail_in = static_cast<std::uint32_t>(left - header);
    const std::size_t member_start = out.size();
    if (produced == 0) out.prepare(std::clamp<std::size_t>(left * 4, 1024, std::min<std::size_t>(max_size + 1, 1U << 20)));
    do {
      // One byte beyond the bound is offered, so that reaching it is seen.
      const std::size_t step = std::min<std::size_t>(next_output_step(out, produced, max_size + 1), 1U << 30);
      if (step == 0) return too_large("gzip", max_size);
      state->next_out = reinterpret_cast<unsigned char*>(out.prepare(step));
      state->avail_out = static_cast<std::uint32_t>(step);
      const int rc = isal_inflate(state.get());
      if (rc != ISAL_DECOMP_OK) return corrupt("gzip", "invalid deflate data");
      const std::size_t got = step - state->avail_out;
      out.commit(got);
      produced += got;
      if (produced > max_size) return too_large("gzip", max_size);
      if (state->block_state != ISAL_BLOCK_FINISH && state->avail_in == 0 && state->avail_out > 0) return truncated("gzip");
    } while (state->block_state != ISAL_BLOCK_FINISH);
    const unsigned char* const trailer = state->next_in - state->read_in_length / 8;  // whole bytes that were read ahead
    const std::size_t behind = static_cast<std::size_t>(p + left - trailer);
    if (behind < 8) return truncated("gzip");
    const Bytes member = out.bytes().subspan(member_start);
    if (load_le32(trailer) != crc32(member) || load_le32(trailer + 4) != static_cast<std::uint32_t>(member.size())) return corrupt("gzip", "Corrupt GZIP trailer");
    p = trailer + 8;
    left = behind - 8;
    if (left == 0) return {};
  }
}

}  // namespace moldau::protocol::codecs
