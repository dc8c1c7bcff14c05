#include "protocol/records/compression/scratch_buffer.h"

#include <array>

namespace moldau::protocol {
namespace {

constexpr std::size_t kKeptBytes = 4 << 20;
constexpr std::size_t kMinKeptBytes = 1024;

struct Pool {
  std::array<ByteBuffer, 2> buffers;
};
thread_local Pool pool;

}  // namespace

ScratchBuffer::ScratchBuffer() {
  for (auto& b : pool.buffers) {
    if (b.capacity() == 0) continue;
    buffer_ = std::move(b);
    buffer_.clear();
    return;
  }
}

ScratchBuffer::~ScratchBuffer() {
  if (buffer_.capacity() < kMinKeptBytes || buffer_.capacity() > kKeptBytes) return;
  for (auto& b : pool.buffers) {
    if (b.capacity() != 0) continue;
    b = std::move(buffer_);
    return;
  }
}

}  // namespace moldau::protocol
