// zstd: frames without content size and checksum; any valid frames are read, up to a window of 128 MiB (zstd's own default bound).
#define ZSTD_STATIC_LINKING_ONLY  // ZSTD_decompressBound
#include <zstd.h>

#include <algorithm>
#include <memory>

#include "protocol/records/compression/codecs.h"

namespace moldau::protocol::codecs {
namespace {

struct FreeContext {
  void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
  void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
};

// Contexts grow with level and window; one that got big is not kept by its thread.
constexpr std::size_t kKeptContextBytes = 8 << 20;

template <class Context, class Make>
std::unique_ptr<Context, FreeContext>& thread_context(std::unique_ptr<Context, FreeContext>& slot, Make make) {
  if (!slot) slot.reset(make());
  return slot;
}

thread_local std::unique_ptr<ZSTD_CCtx, FreeContext> compressor;
thread_local std::unique_ptr<ZSTD_DCtx, FreeContext> decompressor;

// One-shot decompression is faster and needs no window; it is taken up to this size, beyond it the output grows as it comes.
constexpr std::size_t kOneShotBytes = 4 << 20;

}  // namespace

Status zstd_compress(Bytes in, int level, ByteBuffer& out) {
  auto* const c = thread_context(compressor, ZSTD_createCCtx).get();
  if (c == nullptr) return Error(ErrorCode::unknown_server_error, "zstd: no memory");
  ZSTD_CCtx_reset(c, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
  const std::size_t bound = ZSTD_compressBound(in.size());
  const std::size_t n = ZSTD_compress2(c, out.prepare(bound), bound, in.data(), in.size());
  const bool failed = ZSTD_isError(n) != 0;
  if (ZSTD_sizeof_CCtx(c) > kKeptContextBytes) compressor.reset();
  if (failed) return Error(ErrorCode::unknown_server_error, "zstd: cannot compress");
  out.commit(n);
  return {};
}

Status zstd_decompress(Bytes in, ByteBuffer& out, std::size_t max_size) {
  auto* const d = thread_context(decompressor, ZSTD_createDCtx).get();
  if (d == nullptr) return Error(ErrorCode::unknown_server_error, "zstd: no memory");
  if (in.empty()) return truncated("zstd");
  ZSTD_DCtx_reset(d, ZSTD_reset_session_only);
  const auto bound = ZSTD_decompressBound(in.data(), in.size());
  if (bound == ZSTD_CONTENTSIZE_ERROR) return corrupt("zstd", "Src size is incorrect or not a zstd frame");
  if (bound <= std::min<unsigned long long>(max_size, kOneShotBytes)) {
    const auto room = static_cast<std::size_t>(bound);
    const std::size_t n = ZSTD_decompressDCtx(d, out.prepare(room), room, in.data(), in.size());
    if (ZSTD_isError(n) != 0) return corrupt("zstd", ZSTD_getErrorName(n));
    out.commit(n);
    return {};
  }
  ZSTD_inBuffer source{in.data(), in.size(), 0};
  std::size_t produced = 0;
  std::size_t rc = 0;
  Status result;
  if (produced == 0) out.prepare(std::clamp<std::size_t>(in.size() * 4, 1024, std::min<std::size_t>(max_size + 1, kOneShotBytes)));
  while (source.pos < source.size || rc != 0) {
    const std::size_t step = next_output_step(out, produced, max_size + 1);
    if (step == 0) {
      result = too_large("zstd", max_size);
      break;
    }
    ZSTD_outBuffer target{out.prepare(step), step, 0};
    rc = ZSTD_decompressStream(d, &target, &source);
    if (ZSTD_isError(rc) != 0) {
      result = corrupt("zstd", ZSTD_getErrorName(rc));
      break;
    }
    out.commit(target.pos);
    produced += target.pos;
    if (produced > max_size) {
      result = too_large("zstd", max_size);
      break;
    }
    if (rc != 0 && source.pos == source.size && target.pos < target.size) {
      result = corrupt("zstd", "Truncated source");
      break;
    }
  }
  if (ZSTD_sizeof_DCtx(d) > kKeptContextBytes) decompressor.reset();
  return result;
}

}  // namespace moldau::protocol::codecs
