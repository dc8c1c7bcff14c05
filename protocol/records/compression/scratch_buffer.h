// ScratchBuffer: a ByteBuffer lent by the thread.
#pragma once

#include "protocol/base/byte_buffer.h"

namespace moldau::protocol {

/// A buffer lent from a small pool of the thread; goes back on destruction unless it grew beyond what a thread may keep (4 MiB).
class ScratchBuffer {
 public:
  ScratchBuffer();
  ~ScratchBuffer();
  ScratchBuffer(ScratchBuffer&&) noexcept = default;
  ScratchBuffer& operator=(ScratchBuffer&&) noexcept = default;

  ByteBuffer& operator*() noexcept { return buffer_; }
  ByteBuffer* operator->() noexcept { return &buffer_; }
  const ByteBuffer* operator->() const noexcept { return &buffer_; }

 private:
  ByteBuffer buffer_;
};

}  // namespace moldau::protocol
