#include "storage/io/page_cache.h"

#include <fcntl.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace moldau::storage {

namespace {

constexpr std::uint64_t kSampleStep = 128 * 1024;
constexpr std::size_t kChunk = 256 * 1024;

bool page_is_cached(int descriptor, std::uint64_t position) noexcept {
  char byte = 0;
  iovec to{&byte, 1};
  const ssize_t n = preadv2(descriptor, &to, 1, static_cast<off_t>(position), RWF_NOWAIT);
  return n >= 0 || errno != EAGAIN;
}

}  // namespace

bool is_cached(const FileSlice& slice) noexcept {
  if (slice.hot || slice.size == 0 || !slice.file) return true;
  const int descriptor = slice.file->descriptor();
  if (descriptor < 0) return true;
  for (std::uint64_t at = 0; at < slice.size; at += kSampleStep)
    if (!page_is_cached(descriptor, slice.position + at)) return false;
  return page_is_cached(descriptor, slice.position + slice.size - 1);
}

Status pull_in(const FileSlice& slice) {
  const int descriptor = slice.file->descriptor();
  if (descriptor >= 0) (void)posix_fadvise(descriptor, static_cast<off_t>(slice.position), slice.size, POSIX_FADV_WILLNEED);  // a hint, may fail
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kChunk);
  for (std::uint64_t done = 0; done < slice.size;) {
    const std::size_t want = std::min<std::uint64_t>(kChunk, slice.size - done);
    const auto n = slice.file->read_at(slice.position + done, MutableBytes(buffer.get(), want));
    if (!n) return n.error();
    if (*n == 0) break;
    done += *n;
  }
  return {};
}

}  // namespace moldau::storage
